using System.Net;
using System.Net.Sockets;
using LlmProxy.Benchmarks.Load;

namespace LlmProxy.Benchmarks.SideBySide;

/// <summary>Addresses on this machine, and the wait for one to answer.</summary>
internal static class Loopback
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    /// <summary>An address that nothing listens on just now.</summary>
    public static IPEndPoint FreeAddress()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return (IPEndPoint)listener.LocalEndpoint;
    }

    /// <summary>Returns once a chat request is answered with 200, asking again every millisecond.</summary>
    public static Task WaitForAnswerAsync(
        IPEndPoint target, string token, ChildProcess process, CancellationToken aborted) =>
        WaitAsync(target, process, connection => connection.Ask(), token, aborted);

    /// <summary>Returns once a connection is accepted.</summary>
    public static Task WaitUntilListeningAsync(IPEndPoint target, ChildProcess process, CancellationToken aborted) =>
        WaitAsync(target, process, static _ => true, "none", aborted);

    private static async Task WaitAsync(
        IPEndPoint target,
        ChildProcess process,
        Func<SingleConnection, bool> isReady,
        string token,
        CancellationToken aborted)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(aborted);
        patience.CancelAfter(Patience);
        while (!Succeeds(target, token, isReady))
        {
            if (process.HasExited)
            {
                throw new InvalidOperationException(
                    $"The process that should listen on {target} has exited. It wrote:\n{process.Output}");
            }

            await Task.Delay(Pause, TimeProvider.System, patience.Token);
        }
    }

    private static bool Succeeds(IPEndPoint target, string token, Func<SingleConnection, bool> isReady)
    {
        try
        {
            using var connection = new SingleConnection(target, token);
            return isReady(connection);
        }
        catch (Exception failure) when (failure is SocketException or IOException)
        {
            return false;
        }
    }
}
