using System.Globalization;
using System.Net;

namespace LlmProxy.Benchmarks.Load;

/// <summary>What wrk saw of small chat requests on many connections.</summary>
internal sealed record ChatLoad(long Requests, double PerSecond, TimeSpan P50, TimeSpan P99, long Errors);

/// <summary>Runs wrk, which is written in C and takes little of the two cores that it shares with the proxy.</summary>
internal static class Wrk
{
    public const int Connections = 32;

    /// <param name="target">The proxy.</param>
    /// <param name="token">Its token.</param>
    /// <param name="hits">
    /// The method of requests that are to be answered from a cache; null to ask the provider.
    /// </param>
    /// <param name="duration">How long.</param>
    /// <param name="script">What is sent.</param>
    /// <param name="aborted">Ends it.</param>
    public static async Task<ChatLoad> RunAsync(
        IPEndPoint target, string token, string? hits, TimeSpan duration, string script, CancellationToken aborted)
    {
        var output = await ChildCommand.RunAsync(
            "wrk",
            [
                "--threads", "1",
                "--connections", Text(Connections),
                "--duration", Text((int)duration.TotalSeconds) + "s",
                "--script", script,
                $"http://{target}/v1/chat/completions",
                "--", token, hits ?? "none",
            ],
            aborted);
        var line = output.Split('\n').FirstOrDefault(line => line.StartsWith("result ", StringComparison.Ordinal))
            ?? throw new InvalidOperationException($"wrk said nothing that can be read: {output}");
        var numbers = line.Split(' ').Skip(1).Select(part => long.Parse(part, CultureInfo.InvariantCulture)).ToArray();
        var seconds = TimeSpan.FromMicroseconds(numbers[1]).TotalSeconds;
        return new ChatLoad(
            numbers[0],
            numbers[0] / seconds,
            TimeSpan.FromMicroseconds(numbers[3]),
            TimeSpan.FromMicroseconds(numbers[4]),
            numbers[2]);
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
