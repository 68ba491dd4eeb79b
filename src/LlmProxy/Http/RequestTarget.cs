using System.Buffers;
using System.Globalization;
using System.Text;

namespace LlmProxy.Http;

/// <summary>
/// The target of a request as it was sent, once it is sure that every server on the way reads it alike. It is matched
/// and forwarded as it is; what a lenient reader could take for another path does not become a target at all.
/// </summary>
/// <remarks>
/// The grammar is RFC 9112 §3.2.1 (origin form) and RFC 3986 §3.3, less what only serves to disguise a path: <c>//</c>,
/// dot segments, backslashes, and the encoded forms of <c>. / \ %</c> and of control characters.
/// </remarks>
internal readonly struct RequestTarget
{
    private const string UnreservedAndSubDelims =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=";

    private static readonly SearchValues<char> PathCharacters = SearchValues.Create(UnreservedAndSubDelims + ":@/%");

    // Clients send more than RFC 3986 §3.4 allows in a query. All of printable ASCII is harmless but '#'.
    private static readonly SearchValues<char> QueryCharacters =
        SearchValues.Create(UnreservedAndSubDelims + ":@/%?\"<>[\\]^`{|}");

    private readonly int _pathLength;
    private readonly string? _decodedPath;

    private RequestTarget(string raw, int pathLength, string? decodedPath) =>
        (Raw, _pathLength, _decodedPath) = (raw, pathLength, decodedPath);

    /// <summary>The target as it was sent.</summary>
    public string Raw { get; }

    /// <summary>The path as it was sent: what is forwarded.</summary>
    public ReadOnlySpan<char> RawPath => Raw.AsSpan(0, _pathLength);

    /// <summary>
    /// The path with its percent triplets decoded once: what is matched. It has as many slashes as
    /// <see cref="RawPath"/>, in the same order.
    /// </summary>
    public ReadOnlySpan<char> Path => _decodedPath ?? RawPath;

    /// <summary>The query with its question mark, or nothing.</summary>
    public ReadOnlySpan<char> Query => Raw.AsSpan(_pathLength);

    /// <summary>False when the target is not in the grammar. Allocates only for a path with percent triplets.</summary>
    public static bool TryParse(string raw, out RequestTarget target)
    {
        target = default;
        var question = raw.IndexOf('?', StringComparison.Ordinal);
        var pathLength = question < 0 ? raw.Length : question;
        var path = raw.AsSpan(0, pathLength);
        if (path.IsEmpty || path[0] != '/' || path.ContainsAnyExcept(PathCharacters)
            || path.Contains("//", StringComparison.Ordinal)
            || raw.AsSpan(pathLength).ContainsAnyExcept(QueryCharacters)
            || (path.Contains("/.", StringComparison.Ordinal) && HasDotSegment(path)))
        {
            return false;
        }

        string? decoded = null;
        if (path.Contains('%') && !TryDecode(path, out decoded))
        {
            return false;
        }

        target = new RequestTarget(raw, pathLength, decoded);
        return true;
    }

    /// <summary>
    /// Also sees <c>..;x</c>, which servers that cut path parameters off read as <c>..</c>.
    /// </summary>
    private static bool HasDotSegment(ReadOnlySpan<char> path)
    {
        foreach (var range in path.Split('/'))
        {
            var segment = path[range];
            var parameters = segment.IndexOf(';');
            if ((parameters < 0 ? segment : segment[..parameters]) is "." or "..")
            {
                return true;
            }
        }

        return false;
    }

    private static bool TryDecode(ReadOnlySpan<char> path, out string? decoded)
    {
        decoded = null;
        var bytes = ArrayPool<byte>.Shared.Rent(path.Length);
        try
        {
            var length = 0;
            for (var i = 0; i < path.Length; i++)
            {
                if (path[i] != '%')
                {
                    bytes[length++] = (byte)path[i];
                }
                else if (i + 2 < path.Length
                    && byte.TryParse(path.Slice(i + 1, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture,
                        out var value)
                    && MayBeEncoded(value))
                {
                    bytes[length++] = value;
                    i += 2;
                }
                else
                {
                    return false;
                }
            }

            // An overlong form, such as %C0%AE for a dot, is no UTF-8 and ends here.
            var text = bytes.AsSpan(0, length);
            if (!System.Text.Unicode.Utf8.IsValid(text))
            {
                return false;
            }

            decoded = Encoding.UTF8.GetString(text);
            return true;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(bytes);
        }
    }

    private static bool MayBeEncoded(byte value) => value is >= 0x20 and not 0x7f
        and not (byte)'.' and not (byte)'/' and not (byte)'\\' and not (byte)'%';
}
