using LlmProxy.EndToEnd.Fixtures;
using LlmProxy.EndToEnd.Meter;

namespace LlmProxy.EndToEnd.Events;

/// <summary>A request that runs a model, and what an event must say of it.</summary>
/// <param name="Target">Path.</param>
/// <param name="Operation">OTel's word.</param>
/// <param name="Model">As the request and the answer name it.</param>
/// <param name="Body">JSON without a wish to be streamed.</param>
/// <param name="Used">What the answer reports when it is asked for <see cref="Wish"/>.</param>
internal sealed record ModelCall(string Target, string Operation, string Model, string Body, Metered Used)
{
    /// <summary>What the simulator is to say that it used.</summary>
    public const string Wish =
        "x-simulator-usage: prompt=1000,completion=200,cached=300,reasoning=50,audio_in=20,audio_out=10";

    public const string Version = "anthropic-version: 2023-06-01";

    private const string Stream = " stream";

    private static readonly Dictionary<string, ModelCall> Calls = new(StringComparer.Ordinal)
    {
        ["chat"] = new("/v1/chat/completions", "chat", "gpt-4o",
            """{"model":"gpt-4o","messages":[{"role":"user","content":"Hello there, Grüße 👋"}]}""",
            new Metered(1000, 200, 300, 50, 20, 10)),
        ["completion"] = new("/v1/completions", "text_completion", "gpt-4o",
            """{"model":"gpt-4o","prompt":"Once upon a time","max_tokens":300}""",
            new Metered(1000, 200, 300, 50, 20, 10)),
        ["response"] = new("/v1/responses", "chat", "gpt-4o",
            """{"model":"gpt-4o","input":"Hello there"}""", new Metered(1000, 200, 300, 50)),
        ["message"] = new("/v1/messages", "chat", "claude-opus-4-5",
            """{"model":"claude-opus-4-5","max_tokens":900,"messages":[{"role":"user","content":"Hello there"}]}""",
            new Metered(1000, 200, 300)),
        ["embedding"] = new("/v1/embeddings", "embeddings", "text-embedding-3-small",
            """{"model":"text-embedding-3-small","input":"Hello there","dimensions":8}""", new Metered(1000, 0)),
    };

    /// <summary>Every call, and, where that is possible, the same one streamed.</summary>
    public static TheoryData<string> Names =>
        [.. Calls.Keys, .. Calls.Keys.Where(static name => name != "embedding").Select(static name => name + Stream)];

    public bool IsStreamed { get; private init; }

    public static ModelCall Of(string name)
    {
        if (!name.EndsWith(Stream, StringComparison.Ordinal))
        {
            return Calls[name];
        }

        var call = Calls[name[..^Stream.Length]];
        return call with { IsStreamed = true, Body = call.Streamed };
    }

    /// <summary>The body that asks for a stream; OpenAI's older APIs tell the usage of one only when asked.</summary>
    public string Streamed => Body[..^1] + (Target.EndsWith("completions", StringComparison.Ordinal)
        ? ""","stream":true,"stream_options":{"include_usage":true}}"""
        : ""","stream":true}""");

    /// <summary>Sends it with everything that it needs.</summary>
    public Task<(RawAnswer Answer, LoggedEvent Event)> RunAsync(
        EventRig rig, IssuedToken token, params IEnumerable<string> lines) =>
        rig.ExchangeAsync("POST", Target, token.Secret, Body, [Version, .. lines]);
}
