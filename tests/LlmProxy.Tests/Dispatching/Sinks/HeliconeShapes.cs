using System.Text.RegularExpressions;

namespace LlmProxy.Tests.Dispatching.Sinks;

/// <summary>
/// What Helicone's manual logger takes: https://docs.helicone.ai/getting-started/integration-method/manual-logger-curl,
/// and <c>validateAsyncLogModel</c> in
/// https://github.com/Helicone/helicone/blob/main/worker/src/lib/models/AsyncLog.ts, <c>getValidUUID</c> in
/// worker/src/lib/models/HeliconeHeaders.ts, and the routes of sdk/typescript/helpers/manual_logger.
/// </summary>
internal static partial class HeliconeShapes
{
    private static readonly Shape HeaderValue = Shape.TextThat(
        "a value that a header may have",
        static text => text.All(static letter => letter is >= ' ' and <= 'ÿ' and not '\u007F'));

    private static readonly Shape Time = Shape.Object(
        ("seconds", Shape.Count),
        ("milliseconds", Shape.Count));

    private static readonly Shape Log = Shape.Object(
        ("providerRequest", Shape.Object(
            ("url", Shape.Of("custom-model-nopath")), ("json", Shape.AnyObject), ("meta", Shape.Map(HeaderValue)))),
        ("providerResponse", Shape.Object(
            ("headers", Shape.Map(HeaderValue)),
            ("status", Shape.Count),
            ("json", Shape.AnyObject),
            ("textBody?", Shape.Text))),
        ("timing", Shape.Object(("startTime", Time), ("endTime", Time), ("timeToFirstToken?", Shape.Count))));

    /// <summary>All that Helicone would not understand.</summary>
    public static IReadOnlyList<string> FaultsOf(ReceivedPost post)
    {
        var faults = new List<string>();
        var json = post.Json;
        Check(post.Method == "POST" && Routes().IsMatch(post.Target), $"{post.Method} {post.Target}");
        Check(post.Headers["Content-Type"] == "application/json", "Content-Type");
        Check(post.Headers["Authorization"] == $"Bearer {Given.ApiKey}", "Authorization");
        faults.AddRange(Log.FaultsOf(json));
        if (faults.Count > 0)
        {
            return faults;
        }

        var id = json.GetProperty("providerRequest").GetProperty("meta").GetProperty("Helicone-Request-Id").GetString();
        Check(Uuid().IsMatch(id!), $"Helicone-Request-Id: {id}");
        var timing = json.GetProperty("timing");
        Check(Milliseconds("startTime") <= Milliseconds("endTime"), "it ends before it starts");
        return faults;

        void Check(bool holds, string fault)
        {
            if (!holds)
            {
                faults.Add(fault);
            }
        }

        long Milliseconds(string name) => (timing.GetProperty(name).GetProperty("seconds").GetInt64() * 1000)
            + timing.GetProperty(name).GetProperty("milliseconds").GetInt64();
    }

    [GeneratedRegex("^/(custom|oai|anthropic|googleapis)/v1/log$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Routes();

    [GeneratedRegex(
        "^[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$", RegexOptions.None, 1000)]
    private static partial Regex Uuid();
}
