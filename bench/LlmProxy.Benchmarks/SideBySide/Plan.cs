namespace LlmProxy.Benchmarks.SideBySide;

/// <summary>How often and how long is measured, and with which programs.</summary>
internal sealed record Plan(
    int Rounds,
    int Seconds,
    int Tokens,
    string LlmProxy,
    string? Before,
    string Yarp,
    string WrkScript,
    string? Output)
{
    public TimeSpan ChatTime => TimeSpan.FromSeconds(Seconds);

    public TimeSpan StreamTime => TimeSpan.FromSeconds(Seconds);

    public TimeSpan SingleTime => TimeSpan.FromSeconds(Math.Max(1, Seconds / 2));
}
