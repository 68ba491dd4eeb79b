using Microsoft.Extensions.Primitives;

namespace LlmProxy.Caching.Redis;

/// <summary>
/// A stored answer as bytes, before it is sealed. Instances of different versions may share one Redis: what a version
/// does not know is unreadable to it, and that is a miss.
/// </summary>
/// <remarks>
/// 1 byte version, 1 byte <see cref="Traits"/>, status, the five times, digest of the varying fields; then as texts
/// endpoint, and model, entity tag and modification date where there are; varying names; fields; the body's coding,
/// its length and, to the end, its bytes.
/// </remarks>
internal static class EntryFormat
{
    private const byte Version = 1;
    private const int FixedBytes = 128;

    [Flags]
    private enum Traits : byte
    {
        None = 0,
        MustBeValidated = 1,
        MustNotBeStale = 2,
        IsStream = 4,
        HasStaleIfError = 8,
        HasModel = 16,
        HasETag = 32,
        HasLastModified = 64,
    }

    public static byte[] Write(StoredResponse response)
    {
        var body = BodyCoding.Pack(response);
        var writer = new ByteWriter(FixedBytes + (32 * response.Fields.Count) + body.Bytes.Length);
        writer.Byte(Version);
        writer.Byte((byte)TraitsOf(response));
        writer.Int32(response.Status);
        writer.Int64(response.ReceivedAt);
        writer.Int64(response.InitialAge);
        writer.Int64(response.Lifetime);
        writer.Int64(response.StaleWhileRevalidate);
        writer.Int64(response.StaleIfError ?? 0);
        writer.Digest(response.VaryDigest);
        writer.Text(response.Endpoint);
        WriteOptional(writer, response.Model);
        WriteOptional(writer, response.ETag);
        WriteOptional(writer, response.LastModified);
        WriteLines(writer, response.VaryNames);
        writer.Count(response.Fields.Count);
        foreach (var field in response.Fields)
        {
            writer.Text(field.Name);
            WriteLines(writer, field.Values);
        }

        writer.Byte((byte)body.Coding);
        writer.Int32(response.Body.Length);
        writer.Raw(body.Bytes.Span);
        return writer.Written.ToArray();
    }

    /// <summary>Null when the bytes are not an answer that <see cref="Write"/> wrote.</summary>
    /// <param name="bytes">Whatever was found.</param>
    /// <param name="bodyBytesMax">A body that says it is longer is not unpacked.</param>
    public static StoredResponse? Read(ReadOnlySpan<byte> bytes, int bodyBytesMax)
    {
        var reader = new ByteReader(bytes);
        var version = reader.Byte();
        var traits = (Traits)reader.Byte();
        var status = reader.Int32();
        if (version != Version || (byte)traits > 127 || status is < 100 or > 999)
        {
            return null;
        }

        var (receivedAt, initialAge, lifetime) = (reader.Int64(), reader.Int64(), reader.Int64());
        var (staleWhileRevalidate, staleIfError) = (reader.Int64(), reader.Int64());
        var varyDigest = reader.Digest();
        var endpoint = reader.Text();
        var model = ReadOptional(ref reader, traits, Traits.HasModel);
        var entityTag = ReadOptional(ref reader, traits, Traits.HasETag);
        var lastModified = ReadOptional(ref reader, traits, Traits.HasLastModified);
        var varyNames = ReadLines(ref reader);
        var fields = ReadFields(ref reader);
        if (ReadBody(ref reader, bodyBytesMax) is not { } body || !reader.IsAtEnd)
        {
            return null;
        }

        return new StoredResponse
        {
            Status = status,
            Fields = fields,
            Body = body,
            ReceivedAt = receivedAt,
            InitialAge = initialAge,
            Lifetime = lifetime,
            VaryNames = varyNames,
            VaryDigest = varyDigest,
            Endpoint = endpoint,
            Model = model,
            MustBeValidated = traits.HasFlag(Traits.MustBeValidated),
            MustNotBeStale = traits.HasFlag(Traits.MustNotBeStale),
            StaleWhileRevalidate = staleWhileRevalidate,
            StaleIfError = traits.HasFlag(Traits.HasStaleIfError) ? staleIfError : null,
            ETag = entityTag,
            LastModified = lastModified,
            IsStream = traits.HasFlag(Traits.IsStream),
        };
    }

    private static Traits TraitsOf(StoredResponse response) =>
        (response.MustBeValidated ? Traits.MustBeValidated : Traits.None)
        | (response.MustNotBeStale ? Traits.MustNotBeStale : Traits.None)
        | (response.IsStream ? Traits.IsStream : Traits.None)
        | (response.StaleIfError is null ? Traits.None : Traits.HasStaleIfError)
        | (response.Model is null ? Traits.None : Traits.HasModel)
        | (response.ETag is null ? Traits.None : Traits.HasETag)
        | (response.LastModified is null ? Traits.None : Traits.HasLastModified);

    private static void WriteOptional(ByteWriter writer, string? text)
    {
        if (text is not null)
        {
            writer.Text(text);
        }
    }

    private static string? ReadOptional(ref ByteReader reader, Traits traits, Traits trait) =>
        traits.HasFlag(trait) ? reader.Text() : null;

    private static void WriteLines(ByteWriter writer, IReadOnlyList<string?> lines)
    {
        writer.Count(lines.Count);
        for (var i = 0; i < lines.Count; i++)
        {
            writer.Text(lines[i] ?? string.Empty);
        }
    }

    private static string[] ReadLines(ref ByteReader reader)
    {
        var lines = new string[reader.Count()];
        for (var i = 0; i < lines.Length && !reader.HasFailed; i++)
        {
            lines[i] = reader.Text();
        }

        return lines;
    }

    private static HeaderField[] ReadFields(ref ByteReader reader)
    {
        var fields = new HeaderField[reader.Count()];
        for (var i = 0; i < fields.Length && !reader.HasFailed; i++)
        {
            var name = reader.Text();
            var lines = ReadLines(ref reader);
            fields[i] = new HeaderField(name, lines is [var line] ? line : new StringValues(lines));
        }

        return fields;
    }

    private static byte[]? ReadBody(ref ByteReader reader, int bodyBytesMax)
    {
        var coding = reader.Byte();
        var length = reader.Int32();
        return reader.HasFailed || length < 0 || length > bodyBytesMax
            ? null
            : BodyCoding.Unpack((BodyCodingKind)coding, reader.Rest(), length);
    }
}
