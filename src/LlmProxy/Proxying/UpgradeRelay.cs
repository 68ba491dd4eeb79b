using System.Buffers;
using LlmProxy.Providers;
using Microsoft.AspNetCore.Http.Features;

namespace LlmProxy.Proxying;

/// <summary>
/// After a 101 both sides speak a protocol of their own (WebSocket, RFC 6455) over one connection: bytes go both ways
/// until one side ends it, the token is revoked, or neither has said anything for too long.
/// </summary>
internal static class UpgradeRelay
{
    private const int PieceBytes = 16 * 1024;

    public static async Task RunAsync(
        HttpResponseMessage answer, Exchange exchange, Cutoff cutoff, ProviderTimeouts timeouts)
    {
        var http = exchange.Http;
        http.Response.Headers.Upgrade = answer.Headers.Upgrade.ToString();
        await using var client = await http.Features.GetRequiredFeature<IHttpUpgradeFeature>().UpgradeAsync();
        await using var upstream = await answer.Content.ReadAsStreamAsync(cutoff.Token);

        using var otherEnded = CancellationTokenSource.CreateLinkedTokenSource(cutoff.Token);
        cutoff.WithinEach(timeouts.StreamIdle);
        var up = PumpAsync(client, upstream, bytes => exchange.RequestBytes += bytes);
        var down = PumpAsync(upstream, client, bytes => exchange.ResponseBytes += bytes);
        var first = await Task.WhenAny(up, down);

        // A WebSocket that one side has closed is over: what the other side may still send has no reader.
        await otherEnded.CancelAsync();
        await first;

        async Task PumpAsync(Stream from, Stream to, Action<int> count)
        {
            var piece = ArrayPool<byte>.Shared.Rent(PieceBytes);
            try
            {
                int read;
                while ((read = await from.ReadAsync(piece, otherEnded.Token)) > 0)
                {
                    cutoff.WithinEach(timeouts.StreamIdle);
                    await to.WriteAsync(piece.AsMemory(0, read), otherEnded.Token);
                    await to.FlushAsync(otherEnded.Token);
                    count(read);
                }
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(piece);
            }
        }
    }
}
