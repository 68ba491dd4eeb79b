using System.Runtime.InteropServices;
using LlmProxy.Http;
using LlmProxy.Management;
using Microsoft.AspNetCore.Hosting.Server;

namespace LlmProxy;

/// <summary>
/// How a server ends: it says that it is not ready, so that nobody new is sent to it; after a delay, in which whoever
/// still comes is served, it takes no more connections; what runs may end within a bound, and is cut after it; then
/// what
/// is in memory is written.
/// </summary>
internal static partial class Draining
{
    /// <summary>Returns when the server has ended, which begins with <paramref name="stop"/>.</summary>
    public static async Task RunAsync(WebApplication app, FrontOptions options, CancellationToken stop)
    {
        var stopping = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var interrupted = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

        // A person at a terminal does not wait for a load balancer.
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, _ => interrupted.TrySetResult());
        await using var asked = stop.UnsafeRegister(_ => stopping.TrySetResult(), state: null);
        await using var failed = app.Lifetime.ApplicationStopping.UnsafeRegister(
            _ => interrupted.TrySetResult(), state: null);
        await Task.WhenAny(stopping.Task, interrupted.Task);

        app.Services.GetRequiredService<Readiness>().IsDraining = true;
        if (options.DrainDelay > TimeSpan.Zero)
        {
            LogDraining(app.Logger, options.DrainDelay.TotalSeconds);
            await Task.WhenAny(interrupted.Task, Task.Delay(options.DrainDelay, CancellationToken.None));
        }

        using (var patience = new CancellationTokenSource(options.DrainTimeout))
        {
            await app.Services.GetRequiredService<IServer>().StopAsync(patience.Token);
        }

        // Nothing runs any more. What follows is ours alone, and has a bound of its own (HostOptions).
        await app.StopAsync(CancellationToken.None);
    }

    [LoggerMessage(2, LogLevel.Information, "draining: not ready any more; connections are taken for {Seconds} s yet")]
    private static partial void LogDraining(ILogger log, double seconds);
}

/// <summary>
/// The host's own lifetime would stop it at the first signal. Signals are the command line's, which knows of draining.
/// </summary>
internal sealed class SignalsAreNotTheHosts : IHostLifetime
{
    public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
