using System.Buffers;
using System.IO.Pipelines;
using LlmProxy.Http;
using LlmProxy.Providers;
using LlmProxy.Usage.Counting;
using LlmProxy.Usage.Reading;
using Microsoft.Extensions.Primitives;

namespace LlmProxy.Proxying;

/// <summary>
/// Reads a body for a rule that must see it, whole and bounded, and leaves it where it was: what was judged is what is
/// forwarded, from the same buffers. All bodies that are held for that share one budget.
/// </summary>
internal sealed class BodyJudge(FrontOptions options, TimeProvider clock)
{
    // A body under a rule is held in memory until its end is there, so it may not be as large as a streamed one.
    private const long JudgedBytesMax = 32 * 1024 * 1024;
    private const long HeldBytesMax = 256 * 1024 * 1024;
    private const long SplicedBytesMax = 1024 * 1024;
    private const long JudgedAtOnceBytesMax = 128 * 1024;

    // A streamed body may take its time, because it holds nothing; one that is held may not.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly long _bytesMax = Math.Min(options.RequestBytesMax, JudgedBytesMax);

    // Bytes held by all running requests. Interlocked only.
    private long _held;

    /// <summary>Null when no rule objects; synchronous when no rule applies.</summary>
    public ValueTask<Refusal?> JudgeAsync(Exchange exchange, RequestRules rules)
    {
        var request = exchange.Http.Request;
        if (request.ContentLength > options.RequestBytesMax)
        {
            return ValueTask.FromResult<Refusal?>(Refusal.RequestTooLarge);
        }

        return rules.MustReadBody(request) || exchange.MustReadFacts || WantsSplice(exchange)
            || exchange.Cache is { NeedsBody: true }
            ? ReadAndJudgeAsync(exchange, rules)
            : ValueTask.FromResult<Refusal?>(null);
    }

    /// <summary>Counts the prompt of a body that was judged, on the thread pool: it is CPU work.</summary>
    public static async Task<PromptCount> CountAsync(Exchange exchange)
    {
        var reader = exchange.Http.Request.BodyReader;
        var read = await reader.ReadAsync(CancellationToken.None);
        try
        {
            return await Task.Run(() => PromptCounter.Count(exchange.Operation.Shape, exchange.Model, read.Buffer));
        }
        finally
        {
            reader.AdvanceTo(read.Buffer.Start);
        }
    }

    /// <summary>Gives the exchange's part of the budget back, when its body is gone.</summary>
    public void Release(Exchange exchange) => Interlocked.Add(ref _held, -exchange.HeldBytes);

    private async ValueTask<Refusal?> ReadAndJudgeAsync(Exchange exchange, RequestRules rules)
    {
        var http = exchange.Http;
        try
        {
            // Most bodies come with their head: then there is nothing to wait for, and no timer to pay for.
            if (http.Request.BodyReader.TryRead(out var read))
            {
                if (IsLarge(read))
                {
                    http.Request.BodyReader.AdvanceTo(read.Buffer.Start);
                }
                else if (TryJudge(exchange, rules, read, out var refusal))
                {
                    return refusal;
                }
            }

            return await ReadWholeAsync(exchange, rules);
        }
        catch (BadHttpRequestException fault)
        {
            return FailureBoundary.FaultFor(fault);
        }
        catch (OperationCanceledException) when (!http.RequestAborted.IsCancellationRequested)
        {
            return Refusal.RequestTimeout;
        }
        catch (IOException)
        {
            return Refusal.InvalidFraming;
        }
    }

    private async ValueTask<Refusal?> ReadWholeAsync(Exchange exchange, RequestRules rules)
    {
        var http = exchange.Http;
        using var patience = new CancellationTokenSource(Patience, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted, patience.Token);
        while (true)
        {
            var read = await http.Request.BodyReader.ReadAsync(either.Token);
            if (IsLarge(read))
            {
                // To its end, whoever leaves: until then the body is being read.
                return await Task.Run(
                    () => TryJudge(exchange, rules, read, out var refusal) ? refusal : null, CancellationToken.None);
            }

            if (TryJudge(exchange, rules, read, out var objection))
            {
                return objection;
            }
        }
    }

    /// <summary>All of it is there, and reading it takes so long that others on this thread would notice.</summary>
    private static bool IsLarge(in ReadResult read) =>
        read.IsCompleted && read.Buffer.Length > JudgedAtOnceBytesMax;

    /// <summary>False when more of the body is needed.</summary>
    private bool TryJudge(Exchange exchange, RequestRules rules, in ReadResult read, out Refusal? refusal)
    {
        refusal = read.Buffer.Length > _bytesMax ? Refusal.RequestTooLarge
            : !TryHold(exchange, read.Buffer.Length) ? Refusal.Overloaded
            : read.IsCompleted ? JudgeWhole(exchange, rules, read.Buffer)
            : null;

        // Nothing is consumed: the next reader starts at the first byte.
        var isDone = read.IsCompleted || refusal is not null;
        exchange.Http.Request.BodyReader.AdvanceTo(read.Buffer.Start, isDone ? read.Buffer.Start : read.Buffer.End);
        return isDone;
    }

    private static Refusal? JudgeWhole(Exchange exchange, RequestRules rules, in ReadOnlySequence<byte> body)
    {
        var request = exchange.Http.Request;
        if (rules.MustReadBody(request) && rules.JudgeBody(request, body) is { } refusal)
        {
            return refusal;
        }

        var isPlain = HasNoCoding(request.Headers.ContentEncoding);
        if (exchange.MustReadFacts)
        {
            if (!isPlain)
            {
                return Refusal.UnsupportedBody;
            }

            exchange.Facts = RequestFacts.Read(exchange.Operation, request.ContentType, body);
        }

        exchange.Recording?.TakeRequest(body);
        if (exchange.Cache is { NeedsBody: true } wish)
        {
            wish.SeeBody(exchange, body);
        }

        if (isPlain && WantsSplice(exchange))
        {
            exchange.Splice = UsageSplice.For(body);
        }

        return null;
    }

    /// <summary>Only bodies of a known, moderate length: nothing is refused for a mere convenience.</summary>
    private static bool WantsSplice(Exchange exchange) =>
        exchange is { Route.Provider.InjectsStreamUsage: true, Operation.Shape: ApiShape.Chat or ApiShape.Completions }
        && exchange.Http.Request.ContentLength is > 0 and <= SplicedBytesMax;

    private static bool HasNoCoding(StringValues codings) =>
        codings.Count == 0 || (codings is [{ } only] && only.Equals("identity", StringComparison.OrdinalIgnoreCase));

    private bool TryHold(Exchange exchange, long bytes)
    {
        var more = bytes - exchange.HeldBytes;
        exchange.HeldBytes = bytes;
        return Interlocked.Add(ref _held, more) <= HeldBytesMax;
    }
}
