using System.Buffers;

namespace LlmProxy.Http;

/// <summary>What may be the name of a header: a token of RFC 9110 §5.6.2.</summary>
internal static class HeaderName
{
    private static readonly SearchValues<char> TokenCharacters = SearchValues.Create(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~");

    public static bool IsValid(ReadOnlySpan<char> name) => !name.IsEmpty && !name.ContainsAnyExcept(TokenCharacters);
}
