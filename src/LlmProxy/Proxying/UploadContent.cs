using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using LlmProxy.Http;
using LlmProxy.Providers;
using LlmProxy.Usage.Reading;
using Microsoft.AspNetCore.Http.Features;

namespace LlmProxy.Proxying;

/// <summary>
/// The client's body on its way up: each piece is passed on as it arrives, nothing is kept. Remembers a fault of the
/// client's, because HttpClient wraps it into something that looks like the upstream's.
/// </summary>
internal sealed class UploadContent(Exchange exchange, Cutoff cutoff, TimeSpan phase, TimeProvider clock) : HttpContent
{
    // A body may be slow, but not for ever: after the grace it must have come at this rate on average.
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(120);
    private const long BytesPerSecondMin = 16 * 1024;

    private readonly PipeReader _body = exchange.Http.Request.BodyReader;

    // A POST without a body says so: HttpClient would send one without any content again by itself when a kept
    // connection breaks, and nobody may do that (RFC 9110 §9.2.2).
    private readonly long? _length = exchange.Http.Request.ContentLength ?? (CanHaveBody(exchange.Http) ? null : 0);

    /// <summary>What the client did wrong with its body, if it did.</summary>
    public Refusal? ClientFault { get; private set; }

    protected override bool TryComputeLength(out long length)
    {
        length = (_length ?? 0) + (exchange.Splice?.Bytes.Length ?? 0);
        return _length is not null;
    }

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(
        Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        while (true)
        {
            var read = await ReadAsync(cancellationToken);
            exchange.Capture?.Add(read.Buffer);
            exchange.Recording?.AddRequest(read.Buffer);
            if (exchange.Splice is { } splice && IsIn(splice, read.Buffer))
            {
                var at = read.Buffer.GetPosition(splice.Offset - exchange.RequestBytes);
                await WriteAsync(stream, read.Buffer.Slice(0, at), cancellationToken);
                await stream.WriteAsync(splice.Bytes, cancellationToken);
                await WriteAsync(stream, read.Buffer.Slice(at), cancellationToken);
            }
            else
            {
                await WriteAsync(stream, read.Buffer, cancellationToken);
            }

            exchange.RequestBytes += read.Buffer.Length;
            _body.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted)
            {
                exchange.WasSentWhole = true;
                return;
            }

            // The last piece leaves with the end of the request; what comes before it must not wait for it.
            if (exchange.RequestBytes != _length)
            {
                await stream.FlushAsync(cancellationToken);
            }

            cutoff.Within(phase);
        }
    }

    private bool IsIn(UsageSplice splice, in ReadOnlySequence<byte> piece) =>
        splice.Offset >= exchange.RequestBytes && splice.Offset < exchange.RequestBytes + piece.Length;

    private static async ValueTask WriteAsync(Stream stream, ReadOnlySequence<byte> bytes, CancellationToken cancelled)
    {
        foreach (var piece in bytes)
        {
            await stream.WriteAsync(piece, cancelled);
        }
    }

    private async ValueTask<ReadResult> ReadAsync(CancellationToken cancelled)
    {
        try
        {
            var read = await _body.ReadAsync(cancelled);
            if (IsTooSlow())
            {
                ClientFault = Refusal.RequestTimeout;
                throw new UploadException("The client sent its body too slowly.", inner: null);
            }

            return read;
        }
        catch (BadHttpRequestException fault)
        {
            ClientFault = FailureBoundary.FaultFor(fault);
            throw new UploadException(fault.Message, fault);
        }
        catch (Exception failure) when (failure is IOException or InvalidOperationException
            && !cancelled.IsCancellationRequested)
        {
            // Kestrel throws a bare IOException for a chunk size beyond 31 bits, and for a control character in a
            // trailer an InvalidOperationException.
            ClientFault ??= Refusal.InvalidFraming;
            throw new UploadException(failure.Message, failure);
        }
    }

    private bool IsTooSlow()
    {
        var elapsed = clock.GetElapsedTime(exchange.Started);
        return elapsed > Grace && exchange.RequestBytes < elapsed.TotalSeconds * BytesPerSecondMin;
    }

    /// <summary>
    /// Whether the request has a body, says that it could have had one, or must not be sent twice.
    /// </summary>
    public static bool IsNeededFor(HttpRequest request) =>
        request.ContentLength is not null || CanHaveBody(request.HttpContext)
        || request.Method is "POST" or "PUT" or "PATCH";

    private static bool CanHaveBody(HttpContext http) =>
        http.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody == true;
}
