using System.Runtime.InteropServices;

namespace LlmProxy.Cli.Benchmark;

/// <summary>
/// Sleeps with the kernel's precision, some 50 µs more than asked for. Timers of .NET count in milliseconds, which
/// would be seen in every latency that is measured from the moment when a request was due.
/// </summary>
internal static partial class PreciseSleep
{
    /// <summary>Blocks the thread. A signal may end it early: who waits for a time looks at the clock again.</summary>
    public static void For(TimeSpan time) =>
        _ = Sleep([time.Ticks / TimeSpan.TicksPerSecond, time.Ticks % TimeSpan.TicksPerSecond * 100], 0);

    /// <param name="interval">A <c>timespec</c> of 64 bits: seconds, nanoseconds.</param>
    /// <param name="remaining">Where the rest goes; nowhere.</param>
    [LibraryImport("libc", EntryPoint = "nanosleep")]
    private static partial int Sleep(ReadOnlySpan<long> interval, nint remaining);
}
