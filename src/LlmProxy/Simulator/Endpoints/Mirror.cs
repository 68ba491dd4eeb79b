using System.Buffers;
using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using LlmProxy.Simulator.Wire;
using Microsoft.AspNetCore.Http.Features;

namespace LlmProxy.Simulator.Endpoints;

/// <summary>
/// <c>/v1/simulator/…</c>: shows a request as it arrived, so that a test can tell whether something between it and us
/// has changed anything.
/// </summary>
internal static class Mirror
{
    private const int BodyBytesShown = 64 * 1024;
    private const int BufferBytes = 64 * 1024;
    private const int BytesMax = 1024 * 1024 * 1024;

    // 251 is prime, so that no power of two lines up with it and a lost or doubled buffer shows.
    private const int Period = 251;

    private static readonly byte[] Pattern =
        [.. Enumerable.Range(0, Period * 256).Select(static i => (byte)(i % Period))];

    /// <summary>Method, raw target, headers in their order and spelling, the body's length, hash and bytes.</summary>
    public static async Task EchoAsync(SimulatedCall call)
    {
        var target = call.Http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        var headers = call.Http.Features.GetRequiredFeature<ObservedConnection>()
            .HeadersAfter($"{call.Request.Method} {target} {call.Request.Protocol}\r\n")
            .ToList();
        var body = await BodySeen.ReadAsync(call);
        await call.SendJsonAsync((call.Request, target, headers, body), static (json, it) =>
        {
            json.WriteStartObject();
            json.WriteString("method"u8, it.Request.Method);
            json.WriteString("target"u8, it.target);
            json.WriteString("protocol"u8, it.Request.Protocol);
            WritePairs(json, "headers", it.headers);
            it.body.Write(json);
            WritePairs(json, "trailers", TrailersOf(it.Request));
            json.WriteEndObject();
        });
    }

    /// <summary>Sends the body back while it comes in.</summary>
    public static async Task ReflectAsync(SimulatedCall call)
    {
        call.Response.ContentType = call.Request.ContentType;
        call.Response.Headers.ContentEncoding = call.Request.Headers.ContentEncoding;
        var buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
        try
        {
            int read;
            while ((read = await call.Body.ReadAsync(buffer)) > 0)
            {
                await call.Reply.WriteAsync(buffer.AsMemory(0, read));
            }

            await call.Reply.EndAsync();
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>So many bytes of a known pattern: the byte at position i is i modulo 251.</summary>
    public static async Task SendBytesAsync(SimulatedCall call, string count)
    {
        if (!int.TryParse(count, NumberStyles.None, CultureInfo.InvariantCulture, out var left) || left > BytesMax)
        {
            await call.RefuseAsync(ApiError.InvalidValue("n", $"a number up to {BytesMax}"));
            return;
        }

        call.Response.ContentType = "application/octet-stream";
        call.Response.ContentLength = call.Faults.Coding is not null || call.Faults.Trailers.Count > 0 ? null : left;
        for (; left > 0; left -= Math.Min(left, Pattern.Length))
        {
            await call.Reply.WriteAsync(Pattern.AsMemory(0, Math.Min(left, Pattern.Length)));
        }

        await call.Reply.EndAsync();
    }

    /// <summary>The bare status, with a provider's error as the body where it is one.</summary>
    public static Task SendStatusAsync(SimulatedCall call, string code)
    {
        if (!int.TryParse(code, NumberStyles.None, CultureInfo.InvariantCulture, out var status)
            || status is < 200 or > 599)
        {
            return call.RefuseAsync(ApiError.InvalidValue("code", "a status from 200 to 599"));
        }

        if (status >= StatusCodes.Status400BadRequest)
        {
            return call.RefuseAsync(ApiError.OfStatus(status));
        }

        call.Response.StatusCode = status;
        return call.Reply.EndAsync().AsTask();
    }

    private static IEnumerable<KeyValuePair<string, string>> TrailersOf(HttpRequest request) =>
        request.CheckTrailersAvailable()
            ? request.HttpContext.Features.GetRequiredFeature<IHttpRequestTrailersFeature>().Trailers
                .Select(static trailer => KeyValuePair.Create(trailer.Key, trailer.Value.ToString()))
            : [];

    private static void WritePairs(
        Utf8JsonWriter json,
        string name,
        IEnumerable<KeyValuePair<string, string>> pairs)
    {
        json.WriteStartArray(name);
        foreach (var pair in pairs)
        {
            json.WriteStartArray();
            json.WriteStringValue(pair.Key);
            json.WriteStringValue(pair.Value);
            json.WriteEndArray();
        }

        json.WriteEndArray();
    }

    private sealed record BodySeen(long Bytes, string Sha256, byte[]? Shown)
    {
        public static async Task<BodySeen> ReadAsync(SimulatedCall call)
        {
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            using var shown = new MemoryStream();
            var buffer = new byte[BufferBytes];
            var total = 0L;
            int read;
            while ((read = await call.Body.ReadAsync(buffer)) > 0)
            {
                hash.AppendData(buffer, 0, read);
                total += read;
                if (total <= BodyBytesShown)
                {
                    await shown.WriteAsync(buffer.AsMemory(0, read));
                }
            }

            var sha256 = Convert.ToHexStringLower(hash.GetHashAndReset());
            return new(total, sha256, total <= BodyBytesShown ? shown.ToArray() : null);
        }

        public void Write(Utf8JsonWriter json)
        {
            json.WriteStartObject("body"u8);
            json.WriteNumber("bytes"u8, Bytes);
            json.WriteString("sha256"u8, Sha256);
            if (Shown is null)
            {
                json.WriteNull("base64"u8);
            }
            else
            {
                json.WriteBase64String("base64"u8, Shown);
            }

            json.WriteEndObject();
        }
    }
}
