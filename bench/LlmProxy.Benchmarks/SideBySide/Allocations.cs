using LlmProxy.Benchmarks.Load;

namespace LlmProxy.Benchmarks.SideBySide;

/// <summary>
/// Bytes that the server allocates per request. The native executable has no event source that could be asked, so the
/// same server is started inside this process, where wrk is the only other cause of work.
/// </summary>
internal static class Allocations
{
    public static async Task<Allocated> MeasureAsync(
        ServerUnderTest server, ServerUnderTest limited, Plan plan, CancellationToken aborted) =>
        new(await PerRequestAsync(server, plan, aborted), await PerRequestAsync(limited, plan, aborted));

    private static async Task<double> PerRequestAsync(ServerUnderTest server, Plan plan, CancellationToken aborted)
    {
        await using var running = await Server.StartAsync(server.Settings, aborted);
        await LoadAsync();
        var before = GC.GetTotalAllocatedBytes(precise: true);
        var load = await LoadAsync();
        return (GC.GetTotalAllocatedBytes(precise: true) - before) / (double)load.Requests;

        Task<ChatLoad> LoadAsync() =>
            Wrk.RunAsync(
                server.Address, server.Token, hits: null, TimeSpan.FromSeconds(1), plan.WrkScript, aborted);
    }
}

/// <summary>Bytes allocated per request, with a token that has no limits and with one that has all.</summary>
internal sealed record Allocated(double Unlimited, double Limited);
