using System.Runtime.InteropServices;

namespace LlmProxy.Caching;

/// <summary>A request and the head of its answer, of which is asked whether it may be stored.</summary>
/// <param name="Method">The request's.</param>
/// <param name="Request">The client's header fields.</param>
/// <param name="Directives">What the request asks of caches.</param>
/// <param name="Status">The final one.</param>
/// <param name="Answer">The head as it came, less what is about the connection and less <c>Set-Cookie</c>.</param>
/// <param name="RequestedAt">Milliseconds of the <see cref="CacheClock"/>, before the request was sent.</param>
/// <param name="ReceivedAt">Milliseconds of the <see cref="CacheClock"/>, when the head was there.</param>
/// <param name="Endpoint">See <see cref="StoredResponse.Endpoint"/>.</param>
/// <param name="Model">See <see cref="StoredResponse.Model"/>.</param>
/// <param name="AssignedLifetime">How long it is fresh when it says nothing about that itself.</param>
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
    CacheOptions Options);
