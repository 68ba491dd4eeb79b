using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;
using System.Runtime.InteropServices;
using LlmProxy.Caching;

namespace LlmProxy.Proxying;

/// <summary>How a stored answer is told: what of its body goes out, if anything.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct StoredBody(ReadOnlyMemory<byte> Bytes, bool IsStream);

/// <summary>
/// Tells a client an answer that is stored: whole, a range of it, or only that the client has it already
/// (RFC 9111 §4, RFC 9110 §13 and §14).
/// </summary>
internal static class StoredAnswer
{
    // Kestrel buffers what is written and not flushed; a client that reads slowly must not make it hold everything.
    private const int PieceBytes = 64 * 1024;

    /// <summary>Writes the head; answers what of the body must follow.</summary>
    public static StoredBody Begin(Exchange exchange, StoredResponse stored, long now)
    {
        var http = exchange.Http;
        var request = http.Request.Headers;
        if (Validation.IsNotModified(exchange.Method, request, stored))
        {
            WriteHead(exchange, stored, StatusCodes.Status304NotModified, Validation.NotModifiedFields(stored), now);
            return default;
        }

        var range = Ranges.Choose(exchange.Method, request, stored);
        var body = stored.Body;
        switch (range.Kind)
        {
            case RangeKind.Part:
                WriteHead(exchange, stored, StatusCodes.Status206PartialContent, stored.Fields, now);
                http.Response.Headers.ContentRange = string.Create(
                    CultureInfo.InvariantCulture, $"bytes {range.From}-{range.To}/{body.Length}");
                body = body.Slice((int)range.From, (int)range.Length);
                break;
            case RangeKind.Unsatisfiable:
                WriteHead(exchange, stored, StatusCodes.Status416RangeNotSatisfiable,
                    Validation.NotModifiedFields(stored), now);
                http.Response.Headers.ContentRange = string.Create(
                    CultureInfo.InvariantCulture, $"bytes */{body.Length}");
                body = default;
                break;
            default:
                WriteHead(exchange, stored, stored.Status, stored.Fields, now);
                break;
        }

        if (!stored.IsStream || range.Kind != RangeKind.Whole)
        {
            http.Response.ContentLength = stored.Status is 204 or 205 ? null : body.Length;
        }

        return exchange.Method == "HEAD" ? default : new StoredBody(body, stored.IsStream);
    }

    /// <summary>Status and fields with the age that the answer has now (RFC 9111 §5.1).</summary>
    public static void WriteHead(
        Exchange exchange, StoredResponse stored, int status, IReadOnlyList<HeaderField> fields, long now)
    {
        var response = exchange.Http.Response;
        response.StatusCode = status;
        var headers = response.Headers;
        for (var i = 0; i < fields.Count; i++)
        {
            headers[fields[i].Name] = fields[i].Values;
        }

        headers.Age = (stored.AgeAt(now) / 1_000).ToString(CultureInfo.InvariantCulture);
    }

    /// <summary>
    /// A stream goes out event by event, as it came; anything else in large pieces. A client that leaves or stands
    /// still ends it.
    /// </summary>
    public static async ValueTask WriteBodyAsync(Exchange exchange, StoredBody body)
    {
        try
        {
            await WriteAsync(exchange, body);
        }
        catch (Exception failure) when (failure is OperationCanceledException or TimeoutException or IOException)
        {
            exchange.Outcome = failure is TimeoutException ? Outcome.TimedOut : Outcome.ClientGone;
            exchange.Http.Abort();
        }
    }

    private static async ValueTask WriteAsync(Exchange exchange, StoredBody body)
    {
        var rest = body.Bytes;
        if (rest.IsEmpty)
        {
            return;
        }

        var client = exchange.Http.Response.BodyWriter;
        var aborted = exchange.Http.RequestAborted;
        while (!rest.IsEmpty)
        {
            var length = body.IsStream ? EventLength(rest.Span) : Math.Min(PieceBytes, rest.Length);
            client.Write(rest.Span[..length]);
            exchange.Deliver(rest.Span[..length]);
            rest = rest[length..];
            // Once the head is out, what is written after it leaves only when that is said.
            if (body.IsStream || !rest.IsEmpty || exchange.Http.Response.HasStarted)
            {
                await FlushAsync(client, aborted);
            }
        }
    }

    private static async ValueTask FlushAsync(PipeWriter client, CancellationToken aborted)
    {
        var flushing = client.FlushAsync(aborted);
        var flushed = flushing.IsCompleted
            ? await flushing
            : await flushing.AsTask().WaitAsync(AnswerRelay.ClientStallMax, aborted);
        if (flushed.IsCompleted)
        {
            throw new OperationCanceledException("The client is gone.", aborted);
        }
    }

    /// <summary>Up to and with the empty line that ends the event; all of the rest when there is none.</summary>
    private static int EventLength(ReadOnlySpan<byte> rest)
    {
        var at = 0;
        while (at < rest.Length)
        {
            var line = rest[at..].IndexOfAny((byte)'\n', (byte)'\r');
            if (line < 0)
            {
                return rest.Length;
            }

            var isEmpty = line == 0;
            at += line + 1;
            if (rest[at - 1] == '\r' && at < rest.Length && rest[at] == '\n')
            {
                at++;
            }

            if (isEmpty)
            {
                return at;
            }
        }

        return rest.Length;
    }
}
