using System.Buffers;
using LlmProxy.Http;
using LlmProxy.Providers;
using LlmProxy.Usage.Counting;
using LlmProxy.Usage.Reading;
using Microsoft.AspNetCore.Http.Features;

namespace LlmProxy.Proxying;

/// <summary>
/// After a 101 both sides speak a protocol of their own (WebSocket, RFC 6455) over one connection: bytes go both ways
/// until one side ends it, the token is revoked, a limit is reached, or neither has said anything for too long. What
/// a realtime session has used is read from what the provider says, answer by answer.
/// </summary>
internal sealed class UpgradeRelay(Exchange exchange, Cutoff cutoff, RequestJudge judge, ExchangeMeter meter)
{
    private const int PieceBytes = 16 * 1024;

    // Answers that have begun and are not done. The worst case of one is reserved.
    private int _answering;

    public async Task RunAsync(HttpResponseMessage answer, ProviderTimeouts timeouts)
    {
        var http = exchange.Http;
        http.Response.Headers.Upgrade = WebSocketUpgrade.Protocol;
        await using var client = await http.Features.GetRequiredFeature<IHttpUpgradeFeature>().UpgradeAsync();
        await using var upstream = await answer.Content.ReadAsStreamAsync(cutoff.Token);

        using var otherEnded = CancellationTokenSource.CreateLinkedTokenSource(cutoff.Token);
        using var turns = exchange.Operation.Shape == ApiShape.Realtime ? new RealtimeReader() : null;
        cutoff.WithinEach(timeouts.StreamIdle);
        var up = PumpAsync(client, upstream, bytes => exchange.RequestBytes += bytes, null);
        var down = PumpAsync(upstream, client, exchange.CountResponse, turns);
        var first = await Task.WhenAny(up, down);

        // A WebSocket that one side has closed is over: what the other side may still send has no reader.
        await otherEnded.CancelAsync();
        try
        {
            await first;
        }
        finally
        {
            exchange.EndedInAnswer = _answering > 0;
        }

        async Task PumpAsync(Stream from, Stream to, Action<int> count, RealtimeReader? reader)
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
                    if (reader is not null && !await MeterAsync(reader, piece.AsMemory(0, read), otherEnded.Token))
                    {
                        exchange.Reason = "limit_reached";
                        return;
                    }
                }
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(piece);
            }
        }
    }

    /// <summary>Settles what the piece says was used; false when no worst case is left for the next answer.</summary>
    private async ValueTask<bool> MeterAsync(
        RealtimeReader reader, ReadOnlyMemory<byte> piece, CancellationToken ended)
    {
        reader.Read(piece.Span);
        while (reader.TryTake(out var turn))
        {
            _answering += turn.Kind switch
            {
                RealtimeTurnKind.Created => 1,
                RealtimeTurnKind.Done when _answering > 0 => -1,
                _ => 0,
            };
            meter.SettleTurn(exchange, turn, reader.Model);
            if (!exchange.Limits.CountTokens)
            {
                continue;
            }

            // More than one answer at a time is more than was reserved: nobody knows what they will use together.
            if (_answering > 1 || turn.Kind == RealtimeTurnKind.Unreadable
                || (exchange.Demand is null && await judge.ReserveTurnAsync(exchange, ended) is not null))
            {
                return false;
            }
        }

        return true;
    }
}
