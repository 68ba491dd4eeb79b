using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;

namespace LlmProxy.Cli;

/// <summary>What a server's refusal means to a person and to a script.</summary>
internal static class ApiFailure
{
    private const int BytesMax = 64 * 1024;

    /// <summary>
    /// Reads problem details (management), an OpenAI-shaped error (proxy) or a dispatcher's word about itself:
    /// <c>code: detail (field)</c>, then status and request id, which the operator finds in the log.
    /// </summary>
    public static async Task<CommandFailure> OfAsync(HttpResponseMessage response, CancellationToken stop)
    {
        var status = (int)response.StatusCode;
        var sentence = new StringBuilder(
            Describe(await ReadAsync(response, stop)) ?? $"The server answered {response.ReasonPhrase}.");
        sentence.Append(CultureInfo.InvariantCulture, $" [HTTP {status}");
        if (RequestIdOf(response) is { } id)
        {
            sentence.Append(CultureInfo.InvariantCulture, $", request {id}");
        }

        sentence.Append(']');
        if (response.Headers.RetryAfter?.Delta is { } delay)
        {
            sentence.Append(CultureInfo.InvariantCulture, $" Try again in {delay.TotalSeconds:0} seconds.");
        }

        return new CommandFailure(
            response.StatusCode switch
            {
                HttpStatusCode.Unauthorized => ExitCode.Authentication,
                >= HttpStatusCode.InternalServerError => ExitCode.Network,
                _ => ExitCode.Refused,
            },
            sentence.ToString());
    }

    /// <summary>The error of a body, or of an event that stands in the middle of a stream.</summary>
    public static string? Describe(ReadOnlySpan<byte> json)
    {
        ErrorAnswer? answer;
        try
        {
            answer = JsonSerializer.Deserialize(json, CliJson.Default.ErrorAnswer);
        }
        catch (JsonException)
        {
            return null;
        }

        return answer switch
        {
            { Code: { } code, Detail: var detail, Field: { } field } => $"{code}: {detail} ({field})",
            { Code: { } code, Detail: var detail } => $"{code}: {detail}",
            { Error: { Message: { } message, Code: { ValueKind: JsonValueKind.String } code } } => $"{code}: {message}",
            { Error: { Message: { } message, Type: { } type } } => $"{type}: {message}",
            { Error.Message: { } message } => message,
            { Status: { ValueKind: JsonValueKind.String } status, LastFault: { } fault } => $"{status}: {fault}",
            { Status: { ValueKind: JsonValueKind.String } status } => status.ToString(),
            _ => null,
        };
    }

    private static string? RequestIdOf(HttpResponseMessage response) =>
        response.Headers.TryGetValues("X-LLM-Proxy-Request-ID", out var own) ? own.First()
        : response.Headers.TryGetValues("X-Request-ID", out var any) ? any.First()
        : null;

    private static async Task<byte[]> ReadAsync(HttpResponseMessage response, CancellationToken stop)
    {
        var buffer = new byte[BytesMax];
        await using var body = await response.Content.ReadAsStreamAsync(stop);
        var length = await body.ReadAtLeastAsync(buffer, BytesMax, throwOnEndOfStream: false, stop);
        return buffer[..length];
    }
}
