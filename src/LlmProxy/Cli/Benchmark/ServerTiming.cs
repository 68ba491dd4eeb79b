using System.Globalization;

namespace LlmProxy.Cli.Benchmark;

/// <summary>Reads what the proxy says of its own time in <c>Server-Timing</c> (W3C), beside other entries.</summary>
internal static class ServerTiming
{
    private const string OwnEntry = "llm-proxy";

    /// <summary>The <c>dur</c> of the proxy's entry, in milliseconds on the wire; null when there is none.</summary>
    public static TimeSpan? OwnTimeOf(ReadOnlySpan<char> header)
    {
        foreach (var part in header.Split(','))
        {
            var entry = header[part].Trim();
            var semicolon = entry.IndexOf(';');
            if (semicolon < 0 || !entry[..semicolon].TrimEnd().SequenceEqual(OwnEntry))
            {
                continue;
            }

            foreach (var range in entry.Split(';'))
            {
                var parameter = entry[range].Trim();
                if (parameter.StartsWith("dur=", StringComparison.OrdinalIgnoreCase)
                    && double.TryParse(parameter[4..], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture,
                        out var milliseconds)
                    && milliseconds < TimeSpan.FromDays(1).TotalMilliseconds)
                {
                    return TimeSpan.FromMilliseconds(milliseconds);
                }
            }
        }

        return null;
    }
}
