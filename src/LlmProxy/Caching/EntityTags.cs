using Microsoft.Extensions.Primitives;

namespace LlmProxy.Caching;

/// <summary>Comparing entity tags (RFC 9110 §8.8.3.2), as they came: what is no tag equals only itself.</summary>
internal static class EntityTags
{
    private const string WeakMark = "W/";

    public static bool IsWeak(ReadOnlySpan<char> tag) => tag.StartsWith(WeakMark, StringComparison.Ordinal);

    public static bool EqualStrongly(ReadOnlySpan<char> one, ReadOnlySpan<char> other) =>
        !IsWeak(one) && one.SequenceEqual(other);

    public static bool EqualWeakly(ReadOnlySpan<char> one, ReadOnlySpan<char> other) =>
        Opaque(one).SequenceEqual(Opaque(other));

    /// <summary>Whether a list, such as that of <c>If-None-Match</c>, has the tag, or is <c>*</c>.</summary>
    public static bool HasWeakly(StringValues lines, string? tag)
    {
        for (var i = 0; i < lines.Count; i++)
        {
            var tags = new ListReader(lines[i], hasEscapes: false);
            while (tags.MoveNext())
            {
                if (tags.Current is "*" || (tag is not null && EqualWeakly(tags.Current, tag)))
                {
                    return true;
                }
            }
        }

        return false;
    }

    private static ReadOnlySpan<char> Opaque(ReadOnlySpan<char> tag) => IsWeak(tag) ? tag[WeakMark.Length..] : tag;
}
