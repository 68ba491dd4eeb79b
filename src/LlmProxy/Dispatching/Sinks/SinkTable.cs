using LlmProxy.Secrets;
using LlmProxy.Settings;

namespace LlmProxy.Dispatching.Sinks;

/// <summary>
/// The services that events can be delivered to. A new one is a class that implements <see cref="ISink"/>, and a row.
/// </summary>
internal static class SinkTable
{
    private static readonly SinkRow[] Rows =
    [
        new("file", null, false, static (target, _) => FileSink.Open(target.Endpoint!, target.Rotation)),
        new("lunary", LunarySink.Service, true, static (target, clock) =>
            new LunarySink(new SinkPost(clock), SinkEndpoint.Parse(target.Endpoint!, LunarySink.Path), Bearer(target))),
        new("helicone", HeliconeSink.Service, true, static (target, clock) =>
            new HeliconeSink(
                new SinkPost(clock), SinkEndpoint.Parse(target.Endpoint!, HeliconeSink.Path), Bearer(target))),
        new("webhook", null, true, static (target, clock) =>
            new WebhookSink(
                new SinkPost(clock), SinkEndpoint.Parse(target.Endpoint!), WebhookKey.Parse(target.ApiKey!), clock)),
        new("otlp", OtlpSink.Service, false, static (target, clock) =>
            new OtlpSink(
                new SinkPost(clock), SinkEndpoint.Parse(target.Endpoint!), SinkHeader.ParseOrNull(target.ApiKey))),
    ];

    /// <summary>What <c>--service</c> may say.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. Rows.Select(static row => row.Name)];

    /// <summary>Makes the sink. A remote one is not asked whether it is there; a file is opened and locked.</summary>
    /// <exception cref="StartFailure">The target is not usable; its message names the option.</exception>
    public static ISink Open(SinkTarget target, TimeProvider clock)
    {
        var row = Array.Find(Rows, row => row.Name == target.Service)
            ?? throw new StartFailure($"--service: '{target.Service}' is none of {string.Join(", ", Names)}.");
        var endpoint = string.IsNullOrWhiteSpace(target.Endpoint) ? row.DefaultEndpoint : target.Endpoint.Trim();
        var lacks = new List<string>();
        if (endpoint is null)
        {
            lacks.Add(row.Name == "file"
                ? "--endpoint: file needs the path of the file that events are appended to."
                : $"--endpoint: {row.Name} needs the URL that events are posted to.");
        }

        if (row.NeedsKey && string.IsNullOrWhiteSpace(target.ApiKey?.Reveal()))
        {
            lacks.Add($"--api-key: {row.Name} needs a key; LLM_PROXY_API_KEY may hold it.");
        }

        return lacks.Count == 0
            ? row.Make(target with { Endpoint = endpoint }, clock)
            : throw new StartFailure(string.Join('\n', lacks));
    }

    private static SinkHeader Bearer(SinkTarget target) => SinkHeader.Bearer(target.ApiKey!);

    /// <param name="Name">What <c>--service</c> says.</param>
    /// <param name="DefaultEndpoint">Where it is when nothing is said; null: it must be said.</param>
    /// <param name="NeedsKey">Without a key it takes nothing.</param>
    /// <param name="Make">Makes the sink of a target whose endpoint, and key if it is needed, are there.</param>
    private sealed record SinkRow(
        string Name, string? DefaultEndpoint, bool NeedsKey, Func<SinkTarget, TimeProvider, ISink> Make);
}

/// <summary>The header that says who we are.</summary>
/// <param name="Name">A field name.</param>
/// <param name="Value">What must not be seen.</param>
internal sealed record SinkHeader(string Name, Secret Value)
{
    public static SinkHeader Bearer(Secret key) => new("Authorization", new Secret($"Bearer {Checked(key.Reveal())}"));

    /// <summary>
    /// A key alone goes behind <c>Bearer</c>; a whole header, <c>x-team: key</c>, is for services with a header of
    /// their own. No bearer token has a colon and a blank.
    /// </summary>
    public static SinkHeader? ParseOrNull(Secret? key)
    {
        var text = key?.Reveal() ?? string.Empty;
        if (string.IsNullOrWhiteSpace(text))
        {
            return null;
        }

        var colon = text.IndexOf(": ", StringComparison.Ordinal);
        if (colon < 0)
        {
            return Bearer(key!);
        }

        var name = text[..colon];
        return name.Length > 0 && name.All(static letter => char.IsAsciiLetterOrDigit(letter) || letter is '-' or '_')
            ? new SinkHeader(name, new Secret(Checked(text[(colon + 2)..])))
            : throw new StartFailure("--api-key: what stands before ': ' is not the name of a header.");
    }

    private static string Checked(string value)
    {
        var trimmed = value.Trim();
        return trimmed.Length > 0 && !trimmed.AsSpan().ContainsAnyExceptInRange(' ', '~')
            ? trimmed
            : throw new StartFailure(
                "--api-key: has a control character or one beyond ASCII, which headers cannot have.");
    }
}
