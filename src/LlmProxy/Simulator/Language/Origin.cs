namespace LlmProxy.Simulator.Language;

/// <summary>The instant at which everything in the simulator was made: a clock would make equal answers differ.</summary>
internal static class Origin
{
    public const long UnixSeconds = 1_700_000_000;
}
