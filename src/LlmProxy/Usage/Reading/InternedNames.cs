using System.Text;

namespace LlmProxy.Usage.Reading;

/// <summary>
/// Turns the same few names into the same few strings, without making a new one each time. A name that meets
/// another in its place replaces it.
/// </summary>
internal static class InternedNames
{
    // More than the models that one proxy serves.
    private const int PlaceCount = 256;

    private static readonly string?[] Places = new string?[PlaceCount];

    /// <summary>Null for an empty name, and for one with control characters, which forge lines of a log.</summary>
    public static string? Of(ReadOnlySpan<byte> utf8)
    {
        if (utf8.IsEmpty)
        {
            return null;
        }

        // FNV-1a; who wants to have two names collide gains one allocation.
        var hash = 2166136261u;
        foreach (var code in utf8)
        {
            if (code is < 0x20 or 0x7F)
            {
                return null;
            }

            hash = (hash ^ code) * 16777619u;
        }

        ref var place = ref Places[(hash ^ (hash >> 16)) % PlaceCount];
        if (Volatile.Read(ref place) is { } known && Ascii.Equals(utf8, known))
        {
            return known;
        }

        var name = Encoding.UTF8.GetString(utf8);
        Volatile.Write(ref place, name);
        return name;
    }
}
