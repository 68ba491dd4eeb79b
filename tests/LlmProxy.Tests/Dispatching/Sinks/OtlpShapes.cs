using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace LlmProxy.Tests.Dispatching.Sinks;

/// <summary>
/// What OTLP/HTTP takes as JSON: the messages of https://github.com/open-telemetry/opentelemetry-proto (trace.proto,
/// logs.proto, common.proto) by the rules of https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding: names in
/// lowerCamelCase, ids in hexadecimal, enums as numbers, 64-bit numbers as strings.
/// </summary>
internal static partial class OtlpShapes
{
    private static readonly Shape Whole = Shape.TextThat(
        "a 64-bit number", static text => long.TryParse(text, CultureInfo.InvariantCulture, out _));

    private static readonly Shape Nanoseconds = Shape.TextThat(
        "nanoseconds", static text => ulong.TryParse(text, CultureInfo.InvariantCulture, out _));

    private static readonly Shape KeyValues = Shape.List(new Lazily(static () => KeyValue!));

    private static readonly Shape Value = Shape.Either(
        Shape.Object(),
        Shape.Object(("stringValue", Shape.Text)),
        Shape.Object(("intValue", Whole)),
        Shape.Object(("doubleValue", Shape.Number)),
        Shape.Object(("boolValue", Shape.Flag)),
        Shape.Object(("arrayValue", Shape.Object(("values", Shape.List(new Lazily(static () => Value!)))))),
        Shape.Object(("kvlistValue", Shape.Object(("values", KeyValues)))));

    private static readonly Shape KeyValue = Shape.Object(("key", Shape.Text), ("value", Value));

    private static readonly Shape TraceId = Shape.TextThat("a trace id", static text => Hex32().IsMatch(text));

    private static readonly Shape SpanId = Shape.TextThat("a span id", static text => Hex16().IsMatch(text));

    private static readonly Shape Resource = Shape.Object(("attributes", KeyValues));

    private static readonly Shape Scope = Shape.Object(("name", Shape.Text), ("version?", Shape.Text));

    private static readonly Shape Span = Shape.Object(
        ("traceId", TraceId),
        ("spanId", SpanId),
        ("name", Shape.Text),
        ("kind", Shape.Count),
        ("startTimeUnixNano", Nanoseconds),
        ("endTimeUnixNano", Nanoseconds),
        ("attributes", KeyValues),
        ("status?", Shape.Object(("code", Shape.Count), ("message?", Shape.Text))));

    private static readonly Shape LogRecord = Shape.Object(
        ("timeUnixNano", Nanoseconds),
        ("observedTimeUnixNano", Nanoseconds),
        ("severityNumber", Shape.Count),
        ("eventName", Shape.Text),
        ("traceId", TraceId),
        ("spanId", SpanId),
        ("attributes", KeyValues));

    private static readonly Shape Traces = Envelope("resourceSpans", "scopeSpans", "spans", Span);

    private static readonly Shape Logs = Envelope("resourceLogs", "scopeLogs", "logRecords", LogRecord);

    /// <summary>All that a receiver would not understand, or that the conventions do not know.</summary>
    public static IReadOnlyList<string> FaultsOf(ReceivedPost post)
    {
        var faults = new List<string>();
        faults.AddRange(post.Target switch
        {
            "/v1/traces" => Traces.FaultsOf(post.Json),
            "/v1/logs" => Logs.FaultsOf(post.Json),
            _ => [$"{post.Method} {post.Target}"],
        });
        if (post.Headers["Content-Type"] != "application/json")
        {
            faults.Add("Content-Type");
        }

        if (post.Headers["Authorization"] != $"Bearer {Given.ApiKey}")
        {
            faults.Add("Authorization");
        }

        return faults.Count > 0 ? faults : [.. ItemsOf(post).SelectMany(GenAiShapes.FaultsOf)];
    }

    /// <summary>The spans or log records of a request.</summary>
    public static IEnumerable<JsonElement> ItemsOf(ReceivedPost post) => post.Target == "/v1/traces"
        ? Unwrap(post.Json, "resourceSpans", "scopeSpans", "spans")
        : Unwrap(post.Json, "resourceLogs", "scopeLogs", "logRecords");

    /// <summary>The attributes of a span or record, as plain JSON.</summary>
    public static JsonObject AttributesOf(JsonElement item) => Plain(item.GetProperty("attributes"));

    private static Shape Envelope(string outer, string middle, string inner, Shape item)
    {
        var scoped = Shape.Object(("scope", Scope), (inner, Shape.List(item)));
        var resourced = Shape.Object(("resource", Resource), (middle, Shape.List(scoped)));
        return Shape.Object((outer, Shape.List(resourced)));
    }

    private static IEnumerable<JsonElement> Unwrap(JsonElement json, string outer, string middle, string inner) =>
        json.GetProperty(outer).EnumerateArray()
            .SelectMany(one => one.GetProperty(middle).EnumerateArray())
            .SelectMany(one => one.GetProperty(inner).EnumerateArray());

    private static JsonObject Plain(JsonElement pairs)
    {
        var plain = new JsonObject();
        foreach (var pair in pairs.EnumerateArray())
        {
            plain.Add(pair.GetProperty("key").GetString()!, PlainValue(pair.GetProperty("value")));
        }

        return plain;
    }

    private static JsonNode? PlainValue(JsonElement value) => value.EnumerateObject().ToList() switch
    {
        [{ Name: "kvlistValue" } list] => Plain(list.Value.GetProperty("values")),
        [{ Name: "arrayValue" } list] =>
            new JsonArray([.. list.Value.GetProperty("values").EnumerateArray().Select(PlainValue)]),
        [{ Name: "intValue" } number] => long.Parse(number.Value.GetString()!, CultureInfo.InvariantCulture),
        [var simple] => JsonNode.Parse(simple.Value.GetRawText()),
        _ => null,
    };

    [GeneratedRegex("^[0-9a-f]{32}$", RegexOptions.None, 1000)]
    private static partial Regex Hex32();

    [GeneratedRegex("^[0-9a-f]{16}$", RegexOptions.None, 1000)]
    private static partial Regex Hex16();

    /// <summary>For forms that contain themselves.</summary>
    private sealed class Lazily(Func<Shape> shape) : Shape
    {
        protected override IEnumerable<string> Find(JsonElement value, string path) =>
            shape().FaultsOf(value).Select(fault => path + fault[1..]);
    }
}
