using System.Buffers;
using System.Text.Json;

namespace LlmProxy.Simulator.Wire;

/// <summary>A request's body as a JSON object, in pooled memory that lives until this is disposed.</summary>
internal sealed class JsonBody : IDisposable
{
    private const int BytesMax = 32 * 1024 * 1024;
    private const int BytesAtFirst = 4 * 1024;

    private readonly byte[] _rented;
    private readonly JsonDocument _document;

    private JsonBody(byte[] rented, JsonDocument document)
    {
        _rented = rented;
        _document = document;
    }

    public JsonElement Root => _document.RootElement;

    /// <summary>The body, or the error that says why it is not one.</summary>
    public static async ValueTask<(JsonBody? Body, ApiError? Error)> ReadAsync(SimulatedCall call)
    {
        var announced = call.Request.ContentLength;
        if (announced > BytesMax)
        {
            return (null, ApiError.BodyTooLarge);
        }

        // One byte more than announced, so that the read that finds the end has room.
        var rented = ArrayPool<byte>.Shared.Rent((int)(announced + 1 ?? BytesAtFirst));
        JsonDocument? document = null;
        try
        {
            var length = 0;
            int read;
            while ((read = await call.Body.ReadAsync(rented.AsMemory(length))) > 0)
            {
                length += read;
                if (length > BytesMax)
                {
                    return (null, ApiError.BodyTooLarge);
                }

                rented = length == rented.Length ? Grow(rented) : rented;
            }

            document = TryParse(rented.AsMemory(0, length));
            return document is null ? (null, ApiError.UnreadableBody) : (new(rented, document), null);
        }
        finally
        {
            if (document is null)
            {
                ArrayPool<byte>.Shared.Return(rented);
            }
        }
    }

    public void Dispose()
    {
        _document.Dispose();
        ArrayPool<byte>.Shared.Return(_rented);
    }

    private static byte[] Grow(byte[] full)
    {
        var larger = ArrayPool<byte>.Shared.Rent(full.Length * 2);
        full.CopyTo(larger, 0);
        ArrayPool<byte>.Shared.Return(full);
        return larger;
    }

    private static JsonDocument? TryParse(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            var document = JsonDocument.Parse(bytes);
            if (document.RootElement.ValueKind == JsonValueKind.Object)
            {
                return document;
            }

            document.Dispose();
        }
        catch (JsonException)
        {
            // The caller learns it as a refusal.
        }

        return null;
    }
}
