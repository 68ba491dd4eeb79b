using System.Buffers;
using LlmProxy.Caching;

namespace LlmProxy.Proxying;

/// <summary>Brings a body that arrives for several clients to one of them, at its own pace.</summary>
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
                exchange.ResponseBytes += bytes.Length;
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
}
