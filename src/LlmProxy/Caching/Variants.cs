#pragma warning disable IDE0060 // The rules are still to come.
namespace LlmProxy.Caching;

/// <summary>Which of the answers under one key is for a request (RFC 9111 §4.1).</summary>
internal static class Variants
{
    /// <summary>What a request has in the fields of these names, normalised.</summary>
    public static Digest DigestOf(IReadOnlyList<string> varyNames, IHeaderDictionary request) => default;

    /// <summary>The first of these that is for the request; null when none is.</summary>
    public static StoredResponse? Select(IReadOnlyList<StoredResponse> variants, IHeaderDictionary request) => null;
}
