using System.Buffers;

namespace LlmProxy.Http;

/// <summary>
/// The id under which a request is found again: in our logs, in events, and in the client's own. A valid
/// <c>X-Request-ID</c> of the caller is kept, so that a trace does not break at our door.
/// </summary>
internal static class RequestId
{
    /// <summary>Ours, on every answer.</summary>
    public const string Header = "X-LLM-Proxy-Request-ID";

    /// <summary>
    /// What callers send, and what the provider's support asks for: an upstream's own is never replaced.
    /// </summary>
    public const string CommonHeader = "X-Request-ID";

    private const int LengthMax = 128;

    private static readonly SearchValues<char> Allowed =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.:+/=@");

    /// <summary>
    /// The caller's id if it is one short line of harmless characters and no secret, else a new UUIDv7.
    /// </summary>
    public static string Of(HttpRequest request, TimeProvider clock)
    {
        var offered = request.Headers[CommonHeader];
        return offered.Count == 1 && IsValid(offered[0]) ? offered[0]! : New(clock);
    }

    public static string New(TimeProvider clock) => TimeOrderedId.New(clock.GetUtcNow()).ToString();

    private static bool IsValid(string? id) =>
        id is { Length: > 0 and <= LengthMax } && !id.AsSpan().ContainsAnyExcept(Allowed) && !SecretText.IsIn(id);
}
