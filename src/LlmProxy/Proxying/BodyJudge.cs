using System.IO.Pipelines;
using LlmProxy.Http;
using LlmProxy.Providers;

namespace LlmProxy.Proxying;

/// <summary>
/// Reads a body for a rule that must see it, whole and bounded, and leaves it where it was: what was judged is what is
/// forwarded, from the same buffers.
/// </summary>
internal sealed class BodyJudge(FrontOptions options)
{
    // A body under a rule is held in memory until its end is there, so it may not be as large as a streamed one.
    private const long JudgedBytesMax = 32 * 1024 * 1024;

    private readonly long _bytesMax = Math.Min(options.RequestBytesMax, JudgedBytesMax);

    /// <summary>Null when no rule objects; synchronous when no rule applies.</summary>
    public ValueTask<Refusal?> JudgeAsync(HttpContext http, RequestRules rules)
    {
        var request = http.Request;
        if (request.ContentLength > options.RequestBytesMax)
        {
            return ValueTask.FromResult<Refusal?>(Refusal.RequestTooLarge);
        }

        return rules.MustReadBody(request) ? ReadAndJudgeAsync(http, rules) : ValueTask.FromResult<Refusal?>(null);
    }

    private async ValueTask<Refusal?> ReadAndJudgeAsync(HttpContext http, RequestRules rules)
    {
        var body = http.Request.BodyReader;
        try
        {
            var read = await ReadWholeAsync(body, http.RequestAborted);
            var refusal = read.Buffer.Length > _bytesMax
                ? Refusal.RequestTooLarge
                : rules.JudgeBody(http.Request, read.Buffer);

            // Nothing is consumed: the next reader starts at the first byte.
            body.AdvanceTo(read.Buffer.Start);
            return refusal;
        }
        catch (BadHttpRequestException fault)
        {
            return FailureBoundary.FaultFor(fault);
        }
        catch (IOException)
        {
            return Refusal.InvalidFraming;
        }
    }

    private async ValueTask<ReadResult> ReadWholeAsync(PipeReader body, CancellationToken aborted)
    {
        while (true)
        {
            var read = await body.ReadAsync(aborted);
            if (read.IsCompleted || read.Buffer.Length > _bytesMax)
            {
                return read;
            }

            body.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
    }
}
