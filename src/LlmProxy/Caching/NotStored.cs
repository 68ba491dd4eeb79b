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

    /// <summary>It differs by what no cache can see.</summary>
    VaryAny,

    /// <summary>Nobody said how long it is fresh.</summary>
    NoLifetime,

    /// <summary>It was stale when it came, and cannot be validated.</summary>
    Stale,
}
