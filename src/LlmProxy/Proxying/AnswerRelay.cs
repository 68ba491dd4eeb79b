using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;
using System.Net.Http.Headers;
using System.Runtime.CompilerServices;
using LlmProxy.Caching;
using LlmProxy.Http;
using LlmProxy.Providers;
using LlmProxy.Usage.Reading;
using Microsoft.Extensions.Primitives;

namespace LlmProxy.Proxying;

/// <summary>
/// Brings the provider's answer to the client: head, then body, each piece as soon as it is there. What is not valid
/// HTTP ends here; everything else passes as it is.
/// </summary>
internal static class AnswerRelay
{
    private const int PieceBytes = 16 * 1024;

    // Kestrel's own minimum rate does not see a reader that stands still (a write into the socket buffer counts).
    public static readonly TimeSpan ClientStallMax = TimeSpan.FromSeconds(60);

    /// <summary>
    /// Whether the answer's framing is beyond doubt. HttpClient passes codings and lengths it does not know.
    /// </summary>
    public static bool IsValid(HttpResponseMessage answer, bool upgradeWasAsked)
    {
        var status = (int)answer.StatusCode;
        if (status is < 200 or > 599 && !(status == 101 && upgradeWasAsked))
        {
            return false;
        }

        if (answer.Headers.NonValidated.TryGetValues("Transfer-Encoding", out var coding))
        {
            return coding.Count == 1 && coding.ToString().Equals("chunked", StringComparison.OrdinalIgnoreCase);
        }

        return !answer.Content.Headers.NonValidated.TryGetValues("Content-Length", out var length)
            || (length.Count == 1 && LengthOf(length) is not null);
    }

    /// <summary>
    /// Copies status and headers. Header values are the upstream's word: each is checked before it is repeated.
    /// </summary>
    public static void CopyHead(HttpResponseMessage answer, Exchange exchange)
    {
        var response = exchange.Http.Response;
        var status = (int)answer.StatusCode;
        response.StatusCode = status;

        var connection = ConnectionOf(answer);
        CopyHeaders(answer.Headers.NonValidated, connection, exchange);
        CopyHeaders(answer.Content.Headers.NonValidated, connection, exchange);

        // With Transfer-Encoding a length means nothing (RFC 9112 §6.3); a 204 has none, a 205 no content (RFC 9110).
        if (!IsWithoutContent(answer)
            && (exchange.Splice is null || !IsStream(answer))
            && LengthOf(answer) is { } length)
        {
            response.ContentLength = length;
        }
    }

    /// <summary>The head as the cache keeps it: all that <see cref="CopyHead"/> would pass on.</summary>
    public static List<HeaderField> FieldsOf(HttpResponseMessage answer)
    {
        var connection = ConnectionOf(answer);
        var fields = new List<HeaderField>();
        AddFields(answer.Headers.NonValidated, connection, fields);
        AddFields(answer.Content.Headers.NonValidated, connection, fields);
        return fields;
    }

    /// <summary>What the answer says of its length; null when it says nothing, or nothing that counts.</summary>
    public static long? LengthOf(HttpResponseMessage answer) =>
        !answer.Headers.NonValidated.Contains("Transfer-Encoding")
        && answer.Content.Headers.NonValidated.TryGetValues("Content-Length", out var length)
            ? LengthOf(length)
            : null;

    /// <summary>Whether the answer goes on for as long as it likes, so that only silence can be too long.</summary>
    public static bool IsStream(HttpResponseMessage answer) =>
        answer.Content.Headers.NonValidated.TryGetValues("Content-Type", out var type)
        && type.ToString() is var text
        && (text.StartsWith("text/event-stream", StringComparison.OrdinalIgnoreCase)
            || text.StartsWith("application/x-ndjson", StringComparison.OrdinalIgnoreCase));

    /// <summary>What the upstream sends after such a head is no part of the answer.</summary>
    public static bool IsWithoutContent(HttpResponseMessage answer) =>
        answer.StatusCode is System.Net.HttpStatusCode.NoContent or System.Net.HttpStatusCode.ResetContent;

    /// <summary>
    /// Copies the body. Nothing that was read waits for what has not come yet: before each wait everything is flushed.
    /// Throws what the upstream's stream throws when it breaks off.
    /// </summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public static async ValueTask CopyBodyAsync(
        HttpResponseMessage answer, Exchange exchange, Cutoff cutoff, ProviderTimeouts timeouts)
    {
        if (IsWithoutContent(answer))
        {
            return;
        }

        var client = exchange.Http.Response.BodyWriter;
        var isStream = IsStream(answer);
        using var filter = exchange.Splice is not null && isStream ? new StreamUsageFilter() : null;
        var piece = ArrayPool<byte>.Shared.Rent(PieceBytes);
        try
        {
            await using var upstream = await answer.Content.ReadAsStreamAsync(cutoff.Token);
            Arm(cutoff, timeouts.StreamIdle, isStream);
            var unflushed = 0L;
            while (true)
            {
                var reading = upstream.ReadAsync(piece, cutoff.Token);
                if (!reading.IsCompleted)
                {
                    // The head alone is worth a flush too: a client's time to first byte starts with it.
                    if (unflushed > 0 || !exchange.Http.Response.HasStarted)
                    {
                        await FlushAsync(client, cutoff);
                        unflushed = 0;
                    }

                    Arm(cutoff, timeouts.StreamIdle, isStream);
                }

                var read = await ReadAsync(reading, client, unflushed, filter);
                if (read == 0)
                {
                    filter?.Finish(client);

                    // Once the head is out, Kestrel sends what was written after it only when it is told to.
                    if (unflushed > 0 && exchange.Http.Response.HasStarted)
                    {
                        await FlushAsync(client, cutoff);
                    }

                    return;
                }

                Pass(piece.AsSpan(0, read), exchange, client, filter);
                unflushed += read;
                if (unflushed >= PieceBytes)
                {
                    await FlushAsync(client, cutoff);
                    Arm(cutoff, timeouts.StreamIdle, isStream);
                    unflushed = 0;
                }
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(piece);
        }
    }

    /// <summary>
    /// Reads what passes for its usage, and leaves out the one chunk that only our own question has caused.
    /// </summary>
    private static void Pass(
        ReadOnlySpan<byte> piece, Exchange exchange, PipeWriter client, StreamUsageFilter? filter)
    {
        exchange.Answer?.Read(piece);
        exchange.Deliver(piece);
        if (filter is null)
        {
            client.Write(piece);
        }
        else
        {
            filter.Pass(piece, client);
        }
    }

    public static void Arm(Cutoff cutoff, TimeSpan idle, bool isStream)
    {
        if (isStream)
        {
            cutoff.WithinEach(idle);
        }
        else
        {
            cutoff.Within(idle);
        }
    }

    // Waits once for each piece of a stream: pooled, what it waits in is not allocated for each.
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private static async ValueTask<int> ReadAsync(
        ValueTask<int> reading, PipeWriter client, long unflushed, StreamUsageFilter? filter)
    {
        try
        {
            return await reading;
        }
        catch (IOException) when (unflushed > 0 || filter is not null)
        {
            filter?.Finish(client);

            // What the upstream did send belongs to the client, before its connection is aborted too.
            await client.FlushAsync(CancellationToken.None);
            throw;
        }
    }

    /// <summary>Waits while the client's connection is full, but not for ever.</summary>
    public static async ValueTask FlushAsync(PipeWriter client, Cutoff cutoff)
    {
        var flushing = client.FlushAsync(cutoff.Token);
        if (!flushing.IsCompleted)
        {
            cutoff.WithinEach(ClientStallMax);
        }

        if ((await flushing).IsCompleted)
        {
            throw new OperationCanceledException("The client is gone.", cutoff.Token);
        }
    }

    private static void CopyHeaders(
        HttpHeadersNonValidated headers, StringValues connection, Exchange exchange)
    {
        var target = exchange.Http.Response.Headers;
        foreach (var (name, values) in headers)
        {
            if (!HeaderPolicy.Returns(name, connection))
            {
                continue;
            }

            var passed = ValuesOf(values);
            if (HeaderText.IsClean(passed))
            {
                // Not Append, which drops an empty value.
                target[name] = StringValues.Concat(target[name], passed);
            }
            else
            {
                exchange.DroppedHeaders++;
            }
        }
    }

    private static StringValues ConnectionOf(HttpResponseMessage answer) =>
        answer.Headers.NonValidated.TryGetValues("Connection", out var options)
            ? ValuesOf(options)
            : StringValues.Empty;

    private static void AddFields(
        HttpHeadersNonValidated headers, StringValues connection, List<HeaderField> fields)
    {
        foreach (var (name, values) in headers)
        {
            if (HeaderPolicy.Returns(name, connection) && ValuesOf(values) is var kept && HeaderText.IsClean(kept))
            {
                fields.Add(new HeaderField(name, kept));
            }
        }
    }

    private static StringValues ValuesOf(HeaderStringValues values) =>
        values.Count == 1 ? values.ToString() : values.ToArray();

    private static long? LengthOf(HeaderStringValues values) =>
        long.TryParse(values.ToString(), NumberStyles.None, CultureInfo.InvariantCulture, out var length)
            ? length
            : null;
}
