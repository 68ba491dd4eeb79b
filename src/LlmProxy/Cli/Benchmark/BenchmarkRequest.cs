using System.Buffers;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace LlmProxy.Cli.Benchmark;

/// <summary>
/// The request that is sent again and again. A class, because a record would print its headers, and one of them is the
/// credential.
/// </summary>
internal sealed class BenchmarkRequest
{
    // More words would only make the benchmark dearer.
    private const int AnswerTokensMax = 16;

    // RFC 9110 §5.6.2.
    private static readonly SearchValues<char> TokenCharacters =
        SearchValues.Create("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");

    // The client frames its messages itself; a wrong word here would break every one of them.
    private static readonly string[] NotForHeaders =
        ["Content-Length", "Transfer-Encoding", "Connection", "Upgrade", "Expect", "Trailer", "TE", "Keep-Alive"];

    private readonly byte[]? _body;
    private readonly List<(string Name, string Value)> _headers = [];

    public BenchmarkRequest(HttpMethod method, Uri target, byte[]? body, bool streams)
    {
        (Method, Target, _body) = (method, target, body);
        Add("User-Agent", "llm-proxy-benchmark");
        Add("Accept", streams ? "text/event-stream" : "*/*");
        if (body is not null)
        {
            Add("Content-Type", "application/json");
        }
    }

    public HttpMethod Method { get; }

    public Uri Target { get; }

    /// <summary>The token, so that it can be taken out of what a server says; null when there is none.</summary>
    public string? Secret { get; private set; }

    /// <summary>Whether somebody has given a credential.</summary>
    public bool IsAuthorized => _headers.Exists(
        static header => header.Name.ToLowerInvariant() is "authorization" or "x-api-key" or "api-key");

    public void Authorize(string secret)
    {
        Secret = secret;
        Add("Authorization", $"Bearer {secret}");
    }

    /// <summary>Takes <c>name: value</c>, in place of a header of that name that is there by default.</summary>
    public void Add(string line)
    {
        var colon = line.IndexOf(':', StringComparison.Ordinal);
        var (name, value) = colon > 0 ? (line[..colon].Trim(), line[(colon + 1)..].Trim()) : (string.Empty, line);
        if (name.Length == 0 || name.AsSpan().ContainsAnyExcept(TokenCharacters)
            || value.Any(static character => character is < ' ' and not '\t' or > '~'))
        {
            throw CommandFailure.Usage("--header must be 'name: value' in visible ASCII characters.");
        }

        if (NotForHeaders.Contains(name, StringComparer.OrdinalIgnoreCase))
        {
            throw CommandFailure.Usage($"--header cannot set {name}: the connection depends on it.");
        }

        Add(name, value);
    }

    public HttpRequestMessage ToMessage()
    {
        var message = new HttpRequestMessage(Method, Target);
        if (_body is not null)
        {
            message.Content = new ByteArrayContent(_body);
        }

        foreach (var (name, value) in _headers)
        {
            if (!message.Headers.TryAddWithoutValidation(name, value))
            {
                message.Content?.Headers.TryAddWithoutValidation(name, value);
            }
        }

        return message;
    }

    /// <summary>A small chat request, whose answer is short; of a stream it wants the usage.</summary>
    public static byte[] ChatBody(string model, string prompt, bool streams)
    {
        var body = new JsonObject
        {
            ["model"] = model,
            ["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = prompt }),
            ["max_tokens"] = AnswerTokensMax,
            ["stream"] = streams,
        };
        if (streams)
        {
            body["stream_options"] = new JsonObject { ["include_usage"] = true };
        }

        return JsonSerializer.SerializeToUtf8Bytes(body, CliJson.Default.JsonObject);
    }

    private void Add(string name, string value)
    {
        _headers.RemoveAll(header => string.Equals(header.Name, name, StringComparison.OrdinalIgnoreCase));
        _headers.Add((name, value));
    }
}
