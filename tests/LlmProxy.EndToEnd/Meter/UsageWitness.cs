using System.Globalization;
using System.Text;
using System.Text.Json;
using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Meter;

/// <summary>What was used, as the statistics tell it.</summary>
internal sealed record Metered(
    long Prompt, long Completion, long Cached = 0, long Reasoning = 0, long AudioPrompt = 0, long AudioCompletion = 0)
{
    public long Total => Prompt + Completion;

    public static Metered In(JsonElement row) => new(
        Number(row, "prompt_tokens"), Number(row, "completion_tokens"), Number(row, "cached_tokens"),
        Number(row, "reasoning_tokens"), Number(row, "audio_prompt_tokens"), Number(row, "audio_completion_tokens"));

    public static long Number(JsonElement row, string name) => row.GetProperty(name).GetInt64();
}

/// <summary>A line of the access log.</summary>
internal sealed record LoggedExchange(
    int Status, string Outcome, string? Source, long Prompt, long Completion, string? Cost, string Faults)
{
    public static LoggedExchange In(JsonElement line) => new(
        line.GetProperty("status").GetInt32(),
        line.GetProperty("outcome").GetString()!,
        Text(line, "usage"),
        line.TryGetProperty("prompt_tokens", out var prompt) ? prompt.GetInt64() : 0,
        line.TryGetProperty("completion_tokens", out var completion) ? completion.GetInt64() : 0,
        Text(line, "cost_usd"),
        line.TryGetProperty("usage_faults", out var faults)
            ? string.Join(' ', faults.EnumerateArray().Select(static fault => fault.GetString()))
            : string.Empty);

    private static string? Text(JsonElement line, string name) =>
        line.TryGetProperty(name, out var value) ? value.GetString() : null;
}

/// <summary>Everything that can be known from outside about what a token has used.</summary>
internal static class UsageWitness
{
    public const string Json = "Content-Type: application/json";

    /// <summary>What the access log says of a token, once it has so many lines; then all is settled.</summary>
    public static Task<List<LoggedExchange>> LinesAsync(this MeterRig rig, IssuedToken token, int count) =>
        Eventually.AnswersAsync(
            () => Task.FromResult(LinesOf(rig.Proxy.Log, token)),
            lines => lines.Count >= count,
            $"{count} exchanges of the token were logged");

    /// <summary>What the access log says of the only exchange of a token.</summary>
    public static async Task<LoggedExchange> LineAsync(this MeterRig rig, IssuedToken token) =>
        Assert.Single(await rig.LinesAsync(token, 1));

    /// <summary>The row of the statistics.</summary>
    public static async Task<JsonElement> RowAsync(this MeterRig rig, IssuedToken token)
    {
        var answer = await rig.Management.SendAsync("GET", $"/manage/usage?token_id={token.Id}");
        Assert.Equal(200, answer.Status);
        return Assert.Single(answer.Json.GetProperty("data").EnumerateArray());
    }

    /// <summary>What is held against the token's limits.</summary>
    public static async Task<(long Tokens, string Cost)> SpentAsync(this MeterRig rig, IssuedToken token)
    {
        var answer = await rig.Management.SendAsync("GET", $"/manage/tokens/{token.Id}");
        Assert.Equal(200, answer.Status);
        return (Metered.Number(answer.Json, "token_count"), answer.Json.GetProperty("cost_usd").GetString()!);
    }

    /// <summary>A POST to the proxy or straight to an upstream; the body is sent as UTF-8.</summary>
    public static async Task<RawAnswer?> PostAsync(
        Uri server, string target, string secret, ReadOnlyMemory<byte> body, params IEnumerable<string> lines)
    {
        var head = string.Create(
            CultureInfo.InvariantCulture,
            $"POST {target} HTTP/1.1\r\nHost: {server.Authority}\r\nAuthorization: Bearer {secret}\r\n")
            + string.Create(CultureInfo.InvariantCulture, $"Content-Length: {body.Length}\r\n")
            + string.Concat(lines.Select(static line => line + "\r\n")) + "\r\n";
        await using var client = await RawClient.ConnectAsync(server);
        try
        {
            await client.SendAsync(head);
            await client.SendAsync(body);
        }
        catch (IOException)
        {
            // Refused before the end of the body: the answer is what counts.
        }

        return await client.ReadAnswerAsync("POST");
    }

    /// <summary>A POST of JSON through the proxy, which is answered.</summary>
    public static async Task<RawAnswer> AskAsync(
        this MeterRig rig, IssuedToken token, string target, string body, params IEnumerable<string> lines)
    {
        var answer = await PostAsync(
            rig.Proxy.Address, target, token.Secret, Encoding.UTF8.GetBytes(body), [Json, .. lines]);
        Assert.NotNull(answer);
        return answer;
    }

    /// <summary>The same straight to the simulator, to see what it would have sent.</summary>
    public static async Task<RawAnswer> AskSimulatorAsync(
        this MeterRig rig, string target, string body, params IEnumerable<string> lines)
    {
        var answer = await PostAsync(
            rig.Simulator.Address, target, "any", Encoding.UTF8.GetBytes(body), [Json, .. lines]);
        Assert.NotNull(answer);
        return answer;
    }

    private static List<LoggedExchange> LinesOf(string log, IssuedToken token)
    {
        // What follows the last line break is a line that is still being written.
        var lines = new List<LoggedExchange>();
        foreach (var line in log.Split('\n').SkipLast(1))
        {
            if (line.Contains(token.Id, StringComparison.Ordinal)
                && line.Contains("\"msg\":\"exchange\"", StringComparison.Ordinal))
            {
                using var document = JsonDocument.Parse(line);
                lines.Add(LoggedExchange.In(document.RootElement));
            }
        }

        return lines;
    }
}
