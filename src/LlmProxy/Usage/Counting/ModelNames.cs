using System.Text;

namespace LlmProxy.Usage.Counting;

/// <summary>
/// One string for each of the few models that are asked for, so that requests make none. Bounded: a name that falls
/// into a taken place replaces the one there.
/// </summary>
internal static class ModelNames
{
    /// <summary>Longer names are no model of any provider.</summary>
    public const int CharactersMax = 256;

    private const int Places = 256;

    // Whole references only: a race costs one string.
    private static readonly string?[] Known = new string?[Places];

    /// <param name="utf8">Well-formed.</param>
    public static string Of(ReadOnlySpan<byte> utf8)
    {
        ref var place = ref Known[PlaceOf(utf8)];
        if (place is { } known && Ascii.Equals(utf8, known))
        {
            return known;
        }

        return place = Encoding.UTF8.GetString(utf8);
    }

    /// <summary>FNV-1a, folded to the number of places.</summary>
    private static int PlaceOf(ReadOnlySpan<byte> utf8)
    {
        var hash = 2166136261u;
        foreach (var one in utf8)
        {
            hash = (hash ^ one) * 16777619u;
        }

        return (int)((hash ^ (hash >> 16)) % Places);
    }
}
