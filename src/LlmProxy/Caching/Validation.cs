#pragma warning disable IDE0060 // The rules are still to come.
using System.Runtime.InteropServices;

namespace LlmProxy.Caching;

/// <summary>What the answer to a HEAD says about the stored answer to a GET (RFC 9111 §4.3.5).</summary>
internal enum HeadVerdict
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>It is still what a GET would give.</summary>
    Updates,

    /// <summary>A GET would give something else.</summary>
    Invalidates,
}

/// <param name="Verdict">What it says.</param>
/// <param name="Updated">The entry with the new fields, when it is still valid.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct HeadEffect(HeadVerdict Verdict, StoredResponse? Updated);

/// <summary>Conditions of clients, and validation of what is stored (RFC 9111 §4.3).</summary>
internal static class Validation
{
    /// <summary>Whether the request has any condition (RFC 9110 §13.1).</summary>
    public static bool HasConditions(IHeaderDictionary request) =>
        request.IfNoneMatch.Count > 0 || request.IfModifiedSince.Count > 0 || request.IfMatch.Count > 0
        || request.IfUnmodifiedSince.Count > 0 || request.IfRange.Count > 0;

    /// <summary>Whether a 304 answers the client, who has this answer already (RFC 9111 §4.3.2).</summary>
    public static bool IsNotModified(string method, IHeaderDictionary request, StoredResponse stored) => false;

    /// <summary>What a 304 to the client carries (RFC 9110 §15.4.5).</summary>
    public static IReadOnlyList<HeaderField> NotModifiedFields(StoredResponse stored) => [];

    /// <summary>
    /// The entry with what a 304 says (RFC 9111 §4.3.4); null when the 304 is about another representation, or when the
    /// entry must not be kept any longer.
    /// </summary>
    public static StoredResponse? Update(StoredResponse stored, in StoringCase fresh304) => null;

    /// <summary>What a HEAD's answer says about the stored answer to a GET (RFC 9111 §4.3.5).</summary>
    public static HeadEffect Compare(StoredResponse stored, in StoringCase head) => default;
}
