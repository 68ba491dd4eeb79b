#pragma warning disable IDE0060 // The rules are still to come.
using System.Runtime.InteropServices;

namespace LlmProxy.Caching;

/// <summary>Why an answer is not stored.</summary>
internal enum NotStored
{
    /// <summary>It is.</summary>
    None,

    /// <summary>Answers to this method are not stored.</summary>
    Method,

    /// <summary>This status is not stored: it is not final, partial, or must be understood and is not.</summary>
    Status,

    /// <summary>The request forbids it.</summary>
    RequestNoStore,

    /// <summary>The answer forbids it.</summary>
    NoStore,

    /// <summary>It is for one user.</summary>
    Private,

    /// <summary>The request carried a credential of the client's own, and the answer does not allow sharing.</summary>
    Authorization,

    /// <summary>It differs by what no cache can see.</summary>
    VaryAny,

    /// <summary>Nobody said how long it is fresh.</summary>
    NoLifetime,

    /// <summary>It was stale when it came, and cannot be validated.</summary>
    Stale,
}

/// <summary>A request and the head of its answer, of which is asked whether it may be stored.</summary>
/// <param name="Method">The request's.</param>
/// <param name="Request">The client's header fields.</param>
/// <param name="Directives">What the request asks of caches.</param>
/// <param name="Status">The final one.</param>
/// <param name="Answer">The head as it came, without what is about the connection and without <c>Set-Cookie</c>.</param>
/// <param name="RequestedAt">Milliseconds of the <see cref="CacheClock"/>, before the request was sent.</param>
/// <param name="ReceivedAt">Milliseconds of the <see cref="CacheClock"/>, when the head was there.</param>
/// <param name="Endpoint">See <see cref="StoredResponse.Endpoint"/>.</param>
/// <param name="Model">See <see cref="StoredResponse.Model"/>.</param>
/// <param name="AssignedLifetime">How long it is fresh when it says nothing about that itself.</param>
/// <param name="HadForeignAuthorization">
/// An <c>Authorization</c> of the client's own went upstream: RFC 9111 §3.5 applies.
/// </param>
/// <param name="Options">How answers are cached.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct StoringCase(
    string Method,
    IHeaderDictionary Request,
    RequestDirectives Directives,
    int Status,
    IReadOnlyList<HeaderField> Answer,
    long RequestedAt,
    long ReceivedAt,
    string Endpoint,
    string? Model,
    TimeSpan? AssignedLifetime,
    bool HadForeignAuthorization,
    CacheOptions Options);

/// <summary>Whether an answer may be stored (RFC 9111 §3), and as what.</summary>
internal static class Storing
{
    /// <summary>
    /// The answer as it is to be stored, without its body; null when it must not be, or would be of no use.
    /// </summary>
    public static StoredResponse? Judge(in StoringCase @case, out NotStored reason)
    {
        reason = NotStored.NoLifetime;
        return null;
    }
}
