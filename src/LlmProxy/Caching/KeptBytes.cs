using System.Runtime.InteropServices;
using Microsoft.Extensions.Primitives;

namespace LlmProxy.Caching;

/// <summary>
/// The bytes that answers take in memory: every object that nothing else keeps alive, with its header. Texts that
/// answers may share with each other, such as the names of common fields, count for each: rather too much than too
/// little.
/// </summary>
internal static class KeptBytes
{
    /// <summary>A project's queue, and its places in the ranking.</summary>
    public const long PerProject = 168;

    // KeptAnswers; its node in the table, and up to two places there, since the table doubles.
    private const long PerKey = 120 + 72 + 16;
    private const long PerResponse = 168;
    private const long PerArray = 24;
    private const long PerList = 32;
    private const long PerReference = 8;

    /// <summary>A name and the reference to the values.</summary>
    private const long PerField = 16;

    /// <summary>All variants under a key, with what it takes to keep them.</summary>
    public static long Of(ReadOnlySpan<StoredResponse> variants)
    {
        var bytes = PerKey + PerArray + (PerReference * variants.Length);
        foreach (var variant in variants)
        {
            bytes += Of(variant);
        }

        return bytes;
    }

    /// <summary>What one more variant adds.</summary>
    public static long OfOneMore(StoredResponse response) => PerReference + Of(response);

    /// <summary>What becomes garbage when variants take the place of others: what only the old ones have.</summary>
    public static long OfLeftBehind(ReadOnlySpan<StoredResponse> old, ReadOnlySpan<StoredResponse> now)
    {
        var bytes = PerKey + PerArray + (PerReference * old.Length);
        foreach (var variant in old)
        {
            if (!Has(now, variant))
            {
                // After a validation it is the same body with another head.
                var isBodyKept = now.Length > 0 && now[0].Body.Equals(variant.Body);
                bytes += Of(variant) - (isBodyKept ? OfBody(variant) : 0);
            }
        }

        return bytes;
    }

    private static bool Has(ReadOnlySpan<StoredResponse> variants, StoredResponse wanted)
    {
        foreach (var variant in variants)
        {
            if (ReferenceEquals(variant, wanted))
            {
                return true;
            }
        }

        return false;
    }

    private static long Of(StoredResponse response) =>
        PerResponse + OfFields(response.Fields) + OfNames(response.VaryNames) + OfBody(response)
        + OfText(response.Endpoint) + OfText(response.Model) + OfText(response.ETag) + OfText(response.LastModified);

    /// <summary>The whole array counts, of which the body may be a part.</summary>
    private static long OfBody(StoredResponse response) =>
        MemoryMarshal.TryGetArray(response.Body, out var segment) && segment.Array is { Length: > 0 } array
            ? Rounded(PerArray + array.Length)
            : response.Body.Length;

    private static long OfFields(IReadOnlyList<HeaderField> fields)
    {
        var bytes = PerArray + (PerField * (fields is List<HeaderField> list ? list.Capacity : fields.Count))
            + (fields is Array ? 0 : PerList);
        for (var i = 0; i < fields.Count; i++)
        {
            bytes += OfText(fields[i].Name) + OfValues(fields[i].Values);
        }

        return bytes;
    }

    private static long OfValues(StringValues values)
    {
        var bytes = values.Count > 1 ? PerArray + (PerReference * values.Count) : 0;
        foreach (var value in values)
        {
            bytes += OfText(value);
        }

        return bytes;
    }

    private static long OfNames(IReadOnlyList<string> names)
    {
        if (names.Count == 0)
        {
            return 0;
        }

        var bytes = PerArray + (names is Array ? 0 : PerList) + (PerReference * names.Count);
        for (var i = 0; i < names.Count; i++)
        {
            bytes += OfText(names[i]);
        }

        return bytes;
    }

    // Header, length, UTF-16 and its terminator.
    private static long OfText(string? text) => text is { Length: > 0 } ? Rounded(22 + (2L * text.Length)) : 0;

    private static long Rounded(long bytes) => (bytes + 7) & ~7;
}
