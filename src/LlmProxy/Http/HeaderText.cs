using System.Buffers;
using Microsoft.Extensions.Primitives;

namespace LlmProxy.Http;

/// <summary>
/// What may stand in a header value (RFC 9110 §5.5): neither Kestrel nor HttpClient checks all of it.
/// </summary>
internal static class HeaderText
{
    // Every control character but the tab. One of them could end the line and start a header of the sender's choice.
    private static readonly SearchValues<char> Forbidden = SearchValues.Create(
        "\u0000\u0001\u0002\u0003\u0004\u0005\u0006\u0007\u0008\u000A\u000B\u000C\u000D\u000E\u000F\u0010\u0011\u0012"
        + "\u0013\u0014\u0015\u0016\u0017\u0018\u0019\u001A\u001B\u001C\u001D\u001E\u001F\u007F");

    public static bool IsClean(string? value) => value is null || value.AsSpan().IndexOfAny(Forbidden) < 0;

    public static bool IsClean(StringValues values)
    {
        for (var i = 0; i < values.Count; i++)
        {
            if (!IsClean(values[i]))
            {
                return false;
            }
        }

        return true;
    }
}
