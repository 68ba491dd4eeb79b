using System.Buffers;
using System.Collections.Frozen;
using System.Globalization;

namespace LlmProxy.Simulator.Wire;

/// <summary>
/// What one request asks the simulator to do wrong, or slowly. Read from its <c>x-simulator-…</c> headers; a name or
/// value that is not known is refused, so that a test with a typing error does not pass for the wrong reason.
/// </summary>
internal sealed class Faults
{
    public const string Prefix = "x-simulator-";

    public static readonly Faults None = new();

    private const int MillisecondsMax = 600_000;

    // RFC 9110 §5.6.2.
    private static readonly SearchValues<char> TokenCharacters =
        SearchValues.Create("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");

    // A wrong one of these breaks our own server before it reaches anybody.
    private static readonly string[] FramingHeaders = ["Content-Length", "Transfer-Encoding"];

    private static readonly FrozenDictionary<string, Func<Faults, string, bool>> Readers =
        new Dictionary<string, Func<Faults, string, bool>>(StringComparer.OrdinalIgnoreCase)
        {
            [Prefix + "delay"] = static (faults, text) => TryDuration(text, value => faults.Delay = value),
            [Prefix + "chunk-delay"] = static (faults, text) => TryDuration(text, value => faults.ChunkDelay = value),
            [Prefix + "read-delay"] = static (faults, text) => TryDuration(text, value => faults.ReadDelay = value),
            [Prefix + "chunks"] = static (faults, text) => TryNumber(text, 1, 100_000, value => faults.Chunks = value),
            [Prefix + "chunk-bytes"] = static (faults, text) =>
                TryNumber(text, 1, 1_048_576, value => faults.ChunkBytes = value),
            [Prefix + "status"] = static (faults, text) => TryNumber(text, 400, 599, value => faults.Status = value),
            [Prefix + "retry-after"] = static (faults, text) =>
                TryNumber(text, 0, 86_400, value => faults.RetryAfter = value),
            [Prefix + "cut-after-bytes"] = static (faults, text) =>
                TryNumber(text, 0, int.MaxValue, value => faults.CutAfterBytes = value),
            [Prefix + "cut-after-events"] = static (faults, text) =>
                TryNumber(text, 1, int.MaxValue, value => faults.CutAfterEvents = value),
            [Prefix + "cut-before-headers"] = static (faults, text) => faults.CutBeforeHeaders = text == "true",
            [Prefix + "hang"] = static (faults, text) => TryHang(faults, text),
            [Prefix + "encoding"] = static (faults, text) => TryEncoding(faults, text),
            [Prefix + "usage"] = static (faults, text) => TryUsage(faults, text),
            [Prefix + "header"] = static (faults, text) => TryHeaders(text, faults._headers),
            [Prefix + "set-cookie"] = static (faults, text) => TryCookie(faults, text),
            [Prefix + "trailer"] = static (faults, text) => TryHeaders(text, faults._trailers),
            [Prefix + "request-id"] = static (faults, text) => TryRequestId(faults, text),
            [Prefix + "early-hints"] = static (faults, text) => TryEarlyHints(faults, text),
        }.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);

    private readonly List<KeyValuePair<string, string>> _headers = [];
    private readonly List<KeyValuePair<string, string>> _trailers = [];

    private Faults()
    {
    }

    /// <summary>Waited before the headers of the answer.</summary>
    public TimeSpan Delay { get; private set; }

    /// <summary>Waited between two writes of the answer's body.</summary>
    public TimeSpan ChunkDelay { get; private set; }

    /// <summary>Waited after each 4 KiB of the request's body.</summary>
    public TimeSpan ReadDelay { get; private set; }

    /// <summary>How many words the answer has, and so how many events with content a stream has.</summary>
    public int? Chunks { get; private set; }

    /// <summary>The size of each write of the body, wherever its events or members begin.</summary>
    public int? ChunkBytes { get; private set; }

    public int? Status { get; private set; }

    public int? RetryAfter { get; private set; }

    public int? CutAfterBytes { get; private set; }

    public int? CutAfterEvents { get; private set; }

    public bool CutBeforeHeaders { get; private set; }

    public bool HangBeforeHeaders { get; private set; }

    /// <summary>The body stops after its first write, and the connection stays open.</summary>
    public bool HangInBody { get; private set; }

    /// <summary>The content coding of the answer; null when it goes as it is.</summary>
    public string? Coding { get; private set; }

    /// <summary>The packed body ends, in good order, before what was packed does.</summary>
    public bool IsPackedBodyTruncated { get; private set; }

    /// <summary>How the answer tells its usage, and which.</summary>
    public UsageWish Usage { get; private set; } = UsageWish.Plain;

    public IReadOnlyList<KeyValuePair<string, string>> Headers => _headers;

    public IReadOnlyList<KeyValuePair<string, string>> Trailers => _trailers;

    /// <summary>Replaces the counted request id; empty leaves the header out.</summary>
    public string? RequestId { get; private set; }

    /// <summary>The <c>Link</c> of an informational 103 that goes ahead of the answer.</summary>
    public string? EarlyHints { get; private set; }

    /// <summary>
    /// The limit of tokens that holds. None does when the numbers to report are given, and so many words too.
    /// </summary>
    public int? LimitOf(int? tokensMax) => Chunks is not null && Usage.Numbers is not null ? null : tokensMax;

    /// <summary>False, with the header that is to blame, when one of them is unknown or has no meaning.</summary>
    public static bool TryRead(IHeaderDictionary headers, out Faults faults, out string culprit)
    {
        faults = None;
        culprit = "";
        foreach (var (name, values) in headers)
        {
            if (!name.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase))
            {
                continue;
            }

            culprit = name;
            faults = ReferenceEquals(faults, None) ? new Faults() : faults;
            if (!Readers.TryGetValue(name, out var read))
            {
                return false;
            }

            foreach (var value in values)
            {
                if (!read(faults, value ?? ""))
                {
                    return false;
                }
            }
        }

        return true;
    }

    private static bool TryNumber(string text, int least, int most, Action<int> keep)
    {
        var isNumber = int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            && number >= least && number <= most;
        if (isNumber)
        {
            keep(number);
        }

        return isNumber;
    }

    private static bool TryDuration(string text, Action<TimeSpan> keep) =>
        TryNumber(text, 0, MillisecondsMax, value => keep(TimeSpan.FromMilliseconds(value)));

    private static bool TryHang(Faults faults, string text)
    {
        faults.HangBeforeHeaders = text == "headers";
        faults.HangInBody = text == "body";
        return faults.HangBeforeHeaders || faults.HangInBody;
    }

    private static bool TryEncoding(Faults faults, string text)
    {
        faults.IsPackedBodyTruncated = text == "gzip-truncated";
        faults.Coding = faults.IsPackedBodyTruncated ? "gzip" : text;
        return faults.Coding is "gzip" or "br";
    }

    private static bool TryUsage(Faults faults, string text)
    {
        faults.Usage = UsageWish.Parse(text) ?? faults.Usage;
        return faults.Usage != UsageWish.Plain;
    }

    private static bool TryHeaders(string text, List<KeyValuePair<string, string>> into)
    {
        // Not a comma: HTTP clients join the values of a repeated header with one, and so nobody could tell them apart.
        foreach (var line in text.Split(" | "))
        {
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            var name = colon > 0 ? line[..colon] : "";
            if (name.AsSpan().ContainsAnyExcept(TokenCharacters) || name.Length == 0
                || FramingHeaders.Contains(name, StringComparer.OrdinalIgnoreCase))
            {
                return false;
            }

            into.Add(new(name, line[(colon + 1)..].Trim()));
        }

        return true;
    }

    private static bool TryCookie(Faults faults, string text)
    {
        faults._headers.Add(new("Set-Cookie", text));
        return text.Length > 0;
    }

    private static bool TryRequestId(Faults faults, string text)
    {
        faults.RequestId = text == "none" ? "" : text;
        return text.Length > 0;
    }

    private static bool TryEarlyHints(Faults faults, string text)
    {
        faults.EarlyHints = text;
        return text.Length > 0;
    }
}
