using System.Buffers;
using LlmProxy.Caching;
using LlmProxy.Providers;
using LlmProxy.Usage.Reading;

namespace LlmProxy.Proxying;

/// <summary>Brings a body that arrives for several clients in, and to each of them, at its own pace.</summary>
internal static class TapeRelay
{
    private const int UnflushedMax = 64 * 1024;

    /// <summary>
    /// Returns at the end of the body. Throws <see cref="IOException"/> when it breaks off, after everything that came
    /// was passed on, and <see cref="OperationCanceledException"/> when this client's exchange is ended.
    /// </summary>
    /// <param name="reader">Where it reads.</param>
    /// <param name="exchange">Whose answer it is.</param>
    /// <param name="cutoff">Ends it.</param>
    /// <param name="idle">The longest silence of the provider.</param>
    public static async Task CopyAsync(TapeReader reader, Exchange exchange, Cutoff cutoff, TimeSpan idle)
    {
        var client = exchange.Http.Response.BodyWriter;
        var unflushed = 0L;

        // All of it may be there already, and the token gone.
        cutoff.Token.ThrowIfCancellationRequested();
        while (true)
        {
            while (unflushed < UnflushedMax && reader.TryRead(out var bytes))
            {
                client.Write(bytes.Span);
                exchange.Deliver(bytes.Span);
                unflushed += bytes.Length;
            }

            var waiting = reader.WaitAsync(cutoff.Token);
            if (!waiting.IsCompletedSuccessfully || unflushed >= UnflushedMax)
            {
                // Nothing that is there waits for what is not.
                await AnswerRelay.FlushAsync(client, cutoff);
                unflushed = 0;

                // Who calls the provider sees to it that it is not silent for longer; this is for when that fails.
                cutoff.WithinEach(idle + AnswerRelay.ClientStallMax);
            }

            if (!await waiting)
            {
                if (unflushed > 0 && exchange.Http.Response.HasStarted)
                {
                    await AnswerRelay.FlushAsync(client, cutoff);
                }

                return;
            }
        }
    }

    /// <summary>Fills a tape with the provider's answer. Throws what its stream throws when it breaks off.</summary>
    public static async Task FillAsync(
        HttpResponseMessage answer, Tape tape, Exchange exchange, AnswerReader? own, Cutoff cutoff,
        ProviderTimeouts timeouts)
    {
        const int pieceBytes = 16 * 1024;
        var isStream = AnswerRelay.IsStream(answer);
        using var filter = exchange.Splice is not null && isStream ? new StreamUsageFilter() : null;
        var filtered = filter is null ? null : new ArrayBufferWriter<byte>();
        var piece = ArrayPool<byte>.Shared.Rent(pieceBytes);
        try
        {
            await using var upstream = await answer.Content.ReadAsStreamAsync(cutoff.Token);
            while (true)
            {
                AnswerRelay.Arm(cutoff, timeouts.StreamIdle, isStream);
                var read = await upstream.ReadAsync(piece, cutoff.Token);
                var bytes = piece.AsMemory(0, read);
                exchange.Answer?.Read(bytes.Span);
                own?.Read(bytes.Span);
                if (filter is null)
                {
                    tape.Append(bytes.Span);
                }
                else
                {
                    Filter(bytes.Span, filter, filtered!, tape);
                }

                if (read == 0)
                {
                    return;
                }

                cutoff.WithinEach(AnswerRelay.ClientStallMax + timeouts.StreamIdle);
                await tape.WaitForRoomAsync(cutoff.Token);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(piece);
        }
    }

    private static void Filter(
        ReadOnlySpan<byte> bytes, StreamUsageFilter filter, ArrayBufferWriter<byte> filtered, Tape tape)
    {
        if (bytes.IsEmpty)
        {
            filter.Finish(filtered);
        }
        else
        {
            filter.Pass(bytes, filtered);
        }

        tape.Append(filtered.WrittenSpan);
        filtered.ResetWrittenCount();
    }
}
