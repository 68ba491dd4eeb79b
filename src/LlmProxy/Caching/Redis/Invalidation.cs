namespace LlmProxy.Caching.Redis;

/// <summary>
/// What instances say to each other, before it is sealed: that answers were removed or replaced, or only that the
/// sender still hears itself.
/// </summary>
/// <param name="Sender">The instance.</param>
/// <param name="Beat">The number of a beat; 0 when it is not one.</param>
/// <param name="Chosen">Which answers; null in a beat.</param>
internal sealed record Invalidation(Guid Sender, long Beat, CacheSelector? Chosen)
{
    private const byte Version = 1;

    public byte[] Write()
    {
        var writer = new ByteWriter(128);
        writer.Byte(Version);
        writer.Guid(Sender);
        writer.Int64(Beat);
        if (Chosen is not null)
        {
            writer.Byte((byte)((Chosen.Project is null ? 0 : 1) | (Chosen.Provider is null ? 0 : 2)
                | (Chosen.Endpoint is null ? 0 : 4) | (Chosen.Model is null ? 0 : 8) | (Chosen.Key is null ? 0 : 16)));
            writer.Guid(Chosen.Project ?? Guid.Empty);
            writer.Text(Chosen.Provider ?? string.Empty);
            writer.Text(Chosen.Endpoint ?? string.Empty);
            writer.Text(Chosen.Model ?? string.Empty);
            writer.Digest(Chosen.Key ?? default);
        }

        return writer.Written.ToArray();
    }

    /// <summary>Null when the bytes are none.</summary>
    public static Invalidation? Read(ReadOnlySpan<byte> bytes)
    {
        var reader = new ByteReader(bytes);
        var (version, sender, beat) = (reader.Byte(), reader.Guid(), reader.Int64());
        CacheSelector? chosen = null;
        if (beat == 0)
        {
            var given = reader.Byte();
            var (project, provider, endpoint) = (reader.Guid(), reader.Text(), reader.Text());
            var (model, key) = (reader.Text(), reader.Digest());
            chosen = new CacheSelector(
                (given & 1) == 0 ? null : project, (given & 2) == 0 ? null : provider,
                (given & 4) == 0 ? null : endpoint, (given & 8) == 0 ? null : model, (given & 16) == 0 ? null : key);
        }

        return version == Version && reader.IsAtEnd ? new Invalidation(sender, beat, chosen) : null;
    }
}
