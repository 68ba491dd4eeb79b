using System.Text.Json;

namespace LlmProxy.Tests.Dispatching.Sinks;

/// <summary>
/// What Lunary takes: the OpenAPI comment and the handler in
/// https://github.com/lunary-ai/lunary/blob/main/packages/backend/src/api/v1/runs/ingest.ts, <c>cleanEvent</c> and
/// <c>Event</c> in packages/backend/src/utils/ingest.ts, and the types of the lunary SDK (npm, 1.0.18, types.d.ts).
/// </summary>
internal static class LunaryShapes
{
    // ensureIsUUID passes what is 36 characters long on to the database, which wants a UUID.
    private static readonly Shape Uuid = Shape.TextThat("a UUID", static text => Guid.TryParseExact(text, "D", out _));

    private static readonly Shape ToolCall = Shape.Object(
        ("id", Shape.Text),
        ("type", Shape.Of("function")),
        ("function", Shape.Object(("name", Shape.Text), ("arguments", Shape.Text))));

    private static readonly Shape Block = Shape.Either(
        Shape.Object(("type", Shape.Of("text")), ("text", Shape.Text)),
        Shape.Object(("type", Shape.Of("thinking")), ("thinking", Shape.Text)),
        Shape.Object(("type", Shape.Of("image_url")), ("image_url", Shape.Object(("url", Shape.Text)))),
        Shape.Object(
            ("type", Shape.Of("input_audio")),
            ("input_audio", Shape.Object(("data", Shape.Text), ("format", Shape.Of("wav", "mp3"))))),
        Shape.Object(("type", Shape.Of("web_search_call")), ("id", Shape.Text), ("status", Shape.Text)));

    private static readonly Shape Message = Shape.Object(
        ("role", Shape.Of("user", "assistant", "system", "function", "tool")),
        ("content?", Shape.Either(Shape.Text, Shape.List(Block), Shape.Null)),
        ("tool_calls?", Shape.List(ToolCall)),
        ("tool_call_id?", Shape.Text),
        ("refusal?", Shape.Either(Shape.Text, Shape.Null)),
        ("name?", Shape.Text));

    private static readonly (string Name, Shape Shape)[] Head =
    [
        ("type", Shape.Of("llm")),
        ("runId", Uuid),
        ("timestamp", Shape.Instant),
        ("runtime", Shape.Text),
    ];

    private static readonly Shape Start = Shape.Object(
    [
        .. Head,
        ("event", Shape.Of("start")),
        ("name?", Shape.Text),
        ("input?", Shape.Either(Shape.List(Message), Shape.Text, Shape.AnyObject)),
        ("params?", Shape.AnyObject),
        ("userId?", Shape.Text),
        ("tags?", Shape.List(Shape.Text)),
        ("metadata?", Shape.Map(Shape.Either(Shape.Scalar, Shape.List(Shape.Scalar)))),
    ]);

    private static readonly Shape End = Shape.Object(
    [
        .. Head,
        ("event", Shape.Of("end")),
        ("name?", Shape.Text),
        ("output?", Shape.Either(Message, Shape.List(Message), Shape.Text, Shape.AnyObject)),
        ("tokensUsage?", Shape.Object(
            ("completion", Shape.Count), ("prompt", Shape.Count), ("promptCached?", Shape.Count))),
    ]);

    private static readonly Shape Error = Shape.Object(
    [
        .. Head,
        ("event", Shape.Of("error")),
        ("error", Shape.Object(("message", Shape.Text), ("stack?", Shape.Text))),
    ]);

    private static readonly Shape Ingest = Shape.Object(("events", Shape.List(Shape.Either(Start, End, Error))));

    /// <summary>All that Lunary would not understand.</summary>
    public static IReadOnlyList<string> FaultsOf(ReceivedPost post)
    {
        var faults = new List<string>(HttpFaults(post));
        faults.AddRange(Ingest.FaultsOf(post.Json));
        return faults;
    }

    /// <summary>What Lunary answers: a result for each event, in the order of their times.</summary>
    public static FakeAnswer Answer(ReceivedPost post, Func<JsonElement, string?>? errorOf = null)
    {
        var results = post.Json.GetProperty("events").EnumerateArray()
            .OrderBy(static sent => sent.GetProperty("timestamp").GetDateTimeOffset())
            .Select(sent => (Id: sent.GetProperty("runId").GetString(), Error: errorOf?.Invoke(sent)))
            .Select(static result => result.Error is null
                ? $$"""{"id":"{{result.Id}}","success":true}"""
                : $$"""{"id":"{{result.Id}}","success":false,"error":"{{result.Error}}"}""");
        return new FakeAnswer(200, $$"""{"results":[{{string.Join(',', results)}}]}""");
    }

    private static IEnumerable<string> HttpFaults(ReceivedPost post)
    {
        if (post is not { Method: "POST", Target: "/v1/runs/ingest" })
        {
            yield return $"{post.Method} {post.Target}";
        }

        if (post.Headers["Content-Type"] != "application/json")
        {
            yield return $"Content-Type: {post.Headers["Content-Type"]}";
        }

        if (post.Headers["Authorization"] != $"Bearer {Given.ApiKey}")
        {
            yield return "Authorization";
        }
    }
}
