#pragma warning disable IDE0060 // The rules are still to come.
namespace LlmProxy.Caching;

/// <summary>
/// What an answer says about keeping it (RFC 9111 §5.2.2): its <c>Cache-Control</c>, or the first targeted field that
/// is there and valid (RFC 9213). Lifetimes are seconds, null where it says nothing; one that cannot be read is 0.
/// </summary>
internal sealed class ResponseDirectives
{
    public bool NoStore { get; private set; }

    /// <summary>Without field names; an answer that is to be validated before each use.</summary>
    public bool NoCache { get; private set; }

    /// <summary>Fields that must not be sent again without a validation.</summary>
    public IReadOnlyList<string> NoCacheFields { get; private set; } = [];

    /// <summary>Without field names; an answer that is no business of a shared cache.</summary>
    public bool Private { get; private set; }

    /// <summary>Fields that are no business of a shared cache.</summary>
    public IReadOnlyList<string> PrivateFields { get; private set; } = [];

    public bool Public { get; private set; }

    public bool MustRevalidate { get; private set; }

    public bool ProxyRevalidate { get; private set; }

    public bool MustUnderstand { get; private set; }

    public long? MaxAge { get; private set; }

    public long? SMaxAge { get; private set; }

    public long? StaleWhileRevalidate { get; private set; }

    public long? StaleIfError { get; private set; }

    /// <summary>They are from a targeted field: <c>Cache-Control</c> and <c>Expires</c> mean nothing here.</summary>
    public bool AreTargeted { get; private set; }

    public static ResponseDirectives Read(IReadOnlyList<HeaderField> fields, IReadOnlyList<string> targeted) => new();
}
