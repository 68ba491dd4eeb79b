using System.Text;
using System.Text.Json;
using LlmProxy.EndToEnd.Fixtures;
using SharpToken;

namespace LlmProxy.EndToEnd.Meter;

/// <summary>Somebody else's tokenizer, and the published rules for a chat's frame.</summary>
internal static class TokenOracle
{
    private static readonly GptEncoding O200k = GptEncoding.GetEncoding("o200k_base");
    private static readonly GptEncoding Cl100k = GptEncoding.GetEncoding("cl100k_base");

    public static long Count(string model, string text) => (model == "gpt-4" ? Cl100k : O200k).CountTokens(text);

    /// <summary>The prompt of a chat (OpenAI's cookbook): three tokens frame a message, and three the reply.</summary>
    public static long Chat(string model, params IEnumerable<(string Role, string Content)> messages) =>
        3 + messages.Sum(message => 3 + Count(model, message.Role) + Count(model, message.Content));

    /// <summary>What the data of each event of a stream says, as far as it is JSON and complete.</summary>
    public static IEnumerable<JsonElement> EventsIn(byte[] stream)
    {
        foreach (var text in Encoding.UTF8.GetString(stream).Split("\n\n").SkipLast(1))
        {
            var data = text.Split('\n').Single(static line => line.StartsWith("data: ", StringComparison.Ordinal))[6..];
            if (data != "[DONE]")
            {
                yield return JsonDocument.Parse(data).RootElement;
            }
        }
    }

    /// <summary>The text that a stream of chat completions delivered in one of its choices.</summary>
    public static string ChatText(byte[] stream, int choice = 0) => string.Concat(
        EventsIn(stream).SelectMany(static chunk => chunk.GetProperty("choices").EnumerateArray())
            .Where(one => one.GetProperty("index").GetInt32() == choice)
            .Select(static one => one.GetProperty("delta").TryGetProperty("content", out var content)
                ? content.GetString()
                : null));

    /// <summary>The text that the events of that type delivered.</summary>
    public static string DeltaText(byte[] stream, string type, Func<JsonElement, JsonElement> textOf) => string.Concat(
        EventsIn(stream).Where(one => one.GetProperty("type").GetString() == type)
            .Select(one => textOf(one).GetString()));

    public static string TextOf(this RawAnswer answer) => ChatText(answer.Body.Content);
}
