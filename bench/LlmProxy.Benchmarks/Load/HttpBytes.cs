using System.Buffers.Text;
using System.Net;
using System.Text;

namespace LlmProxy.Benchmarks.Load;

/// <summary>The little HTTP/1.1 that the load generators need: written once, read without a parser's cost.</summary>
internal static class HttpBytes
{
    private const string Chat =
        """
        {"model":"gpt-4o-mini","messages":[{"role":"user","content":"Name three rivers."}],"max_tokens":64,
        "stream":STREAM}
        """;

    public static byte[] ChatRequest(IPEndPoint target, string path, string token, bool stream)
    {
        var body = Chat.Replace("STREAM", stream ? "true" : "false", StringComparison.Ordinal);
        return Encoding.ASCII.GetBytes(
            $"POST {path} HTTP/1.1\r\nHost: {target}\r\nAuthorization: Bearer {token}\r\n" +
            "Content-Type: application/json\r\nAccept: */*\r\nUser-Agent: OpenAI/Python 1.99.0\r\n" +
            $"Content-Length: {body.Length}\r\n\r\n{body}");
    }

    public static bool IsOk(ReadOnlySpan<byte> answer) => answer.StartsWith("HTTP/1.1 200 "u8);

    /// <summary>Whether a complete answer with a <c>Content-Length</c> or with a last chunk is there.</summary>
    public static bool IsComplete(ReadOnlySpan<byte> answer)
    {
        var head = answer.IndexOf("\r\n\r\n"u8);
        if (head < 0)
        {
            return false;
        }

        var body = answer[(head + 4)..];
        return LengthOf(answer[..head]) is { } length ? body.Length >= length : EndsStream(body);
    }

    /// <summary>
    /// The events themselves never hold CR, so these bytes are a last chunk wherever the reads were cut.
    /// </summary>
    public static bool EndsStream(ReadOnlySpan<byte> received) =>
        received.EndsWith("\r\n0\r\n\r\n"u8) || received.SequenceEqual("0\r\n\r\n"u8);

    private static int? LengthOf(ReadOnlySpan<byte> head)
    {
        foreach (var range in head.Split("\r\n"u8))
        {
            var line = head[range];
            var colon = line.IndexOf((byte)':');
            if (colon > 0 && Ascii.EqualsIgnoreCase(line[..colon], "content-length"u8)
                && Utf8Parser.TryParse(line[(colon + 1)..].Trim((byte)' '), out int length, out _))
            {
                return length;
            }
        }

        return null;
    }
}
