namespace LlmProxy.Http;

/// <summary>
/// Lets sockets run their continuations on the event loop that saw the data, as nginx does, instead of handing each to
/// the thread pool. Saves 9 to 14 µs CPU a request (measured, docs/guide/performance.md); the price is that nothing on
/// that thread may block, which is why every store look-up goes to the thread pool.
/// </summary>
internal static class EventLoop
{
    private const string Inline = "DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS";
    private const string Threads = "DOTNET_SYSTEM_NET_SOCKETS_THREAD_COUNT";

    // An event loop for every two cores: the second one does the rest, timers, garbage collection, logging.
    private const int CoresPerLoop = 2;

    // Kestrel's bare-LF tolerance is a way to smuggle requests past a stricter server in front of us.
    private const string StrictLineEndings = "Microsoft.AspNetCore.Server.Kestrel.DisableHttp1LineFeedTerminators";

    /// <summary>Must run before the first socket is made: the runtime reads these once.</summary>
    public static void Choose(bool inline)
    {
        AppContext.SetSwitch(StrictLineEndings, true);
        if (inline && Environment.GetEnvironmentVariable(Inline) is null)
        {
            Environment.SetEnvironmentVariable(Inline, "1");
            Environment.SetEnvironmentVariable(Threads, Math.Max(1, Environment.ProcessorCount / CoresPerLoop)
                .ToString(System.Globalization.CultureInfo.InvariantCulture));
        }
    }
}
