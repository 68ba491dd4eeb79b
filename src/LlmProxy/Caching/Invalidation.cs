#pragma warning disable IDE0060 // The rules are still to come.
namespace LlmProxy.Caching;

/// <summary>What an unsafe request makes invalid (RFC 9111 §4.4).</summary>
internal static class Invalidation
{
    /// <summary>
    /// The raw targets, path and query behind the provider's base path, of which stored answers must go; none after a
    /// safe method or an error.
    /// </summary>
    /// <param name="method">The request's.</param>
    /// <param name="status">The answer's.</param>
    /// <param name="answer">Its fields.</param>
    /// <param name="baseUrl">The provider's: origin and base path.</param>
    /// <param name="target">The request's path and query behind the base path.</param>
    public static IReadOnlyList<string> Targets(
        string method, int status, IReadOnlyList<HeaderField> answer, Uri baseUrl, string target) => [];
}
