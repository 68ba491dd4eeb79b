using System.Collections.Frozen;
using System.Runtime.InteropServices;

namespace LlmProxy.Caching;

/// <summary>What the answer to a HEAD says about the stored answer to a GET (RFC 9111 §4.3.5).</summary>
internal enum HeadVerdict
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>It is still what a GET would give.</summary>
    Updates,

    /// <summary>A GET would give something else, or it must not be kept any longer.</summary>
    Invalidates,
}

/// <param name="Verdict">What it says.</param>
/// <param name="Updated">The entry with the new fields, when it is still valid.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct HeadEffect(HeadVerdict Verdict, StoredResponse? Updated);

/// <summary>Conditions of clients, and validation of what is stored (RFC 9111 §4.3).</summary>
internal static class Validation
{
    // RFC 9111 §3.2: what belongs to the body that we have. The digests of the content are those of a 304's, which has
    // none; the tag is the one by which the entry was asked about.
    private static readonly FrozenSet<string> StaysAsStored = FrozenSet.ToFrozenSet(
        ["Content-Length", "Content-Encoding", "Content-Range", "Content-MD5", "Content-Digest", "ETag"],
        StringComparer.OrdinalIgnoreCase);

    // RFC 9110 §15.4.5.
    private static readonly string[] Of304 = ["Cache-Control", "Content-Location", "Date", "ETag", "Expires", "Vary"];

    /// <summary>Whether the request has any condition (RFC 9110 §13.1).</summary>
    public static bool HasConditions(IHeaderDictionary request) =>
        request.IfNoneMatch.Count > 0 || request.IfModifiedSince.Count > 0 || request.IfRange.Count > 0
        || HasOriginConditions(request);

    /// <summary>
    /// Whether the request has a condition that only the provider may evaluate (RFC 9110 §13.2.1): it must get it.
    /// </summary>
    public static bool HasOriginConditions(IHeaderDictionary request) =>
        request.IfMatch.Count > 0 || request.IfUnmodifiedSince.Count > 0;

    /// <summary>Whether a 304 answers the client, who has this answer already (RFC 9111 §4.3.2).</summary>
    public static bool IsNotModified(string method, IHeaderDictionary request, StoredResponse stored)
    {
        if (stored.Status != StatusCodes.Status200OK || (!HttpMethods.IsGet(method) && !HttpMethods.IsHead(method)))
        {
            return false;
        }

        var tags = request.IfNoneMatch;
        if (tags.Count > 0)
        {
            // Where there are tags, dates count no more (RFC 9110 §13.1.3).
            return EntityTags.HasWeakly(tags, stored.ETag);
        }

        var since = request.IfModifiedSince;
        if (since.Count != 1 || !HttpDate.TryParse(since[0], stored.ReceivedAt, out var sinceTime))
        {
            return false;
        }

        if (stored.LastModified is { } modified)
        {
            return HttpDate.TryParse(modified, stored.ReceivedAt, out var modifiedTime) && modifiedTime <= sinceTime;
        }

        var made = stored.Fields.Find("Date") is { Count: 1 } dates
            && HttpDate.TryParse(dates[0], stored.ReceivedAt, out var date)
                ? date
                : stored.ReceivedAt;
        return made <= sinceTime;
    }

    /// <summary>
    /// What a 304 to the client carries (RFC 9110 §15.4.5): what a 200 would have, of the fields by which caches go on;
    /// <c>Last-Modified</c> only where there is no better validator.
    /// </summary>
    public static IReadOnlyList<HeaderField> NotModifiedFields(StoredResponse stored)
    {
        var fields = new List<HeaderField>(Of304.Length);
        foreach (var field in stored.Fields)
        {
            if (Of304.Contains(field.Name, StringComparer.OrdinalIgnoreCase)
                || (stored.ETag is null && field.Name.Equals("Last-Modified", StringComparison.OrdinalIgnoreCase)))
            {
                fields.Add(field);
            }
        }

        return fields;
    }

    /// <summary>
    /// The entry with what a 304 says (RFC 9111 §4.3.4); null when the 304 is about another representation, or when the
    /// entry must not be kept any longer.
    /// </summary>
    /// <param name="stored">The entry that was asked about.</param>
    /// <param name="fresh304">The request and the 304.</param>
    /// <param name="otherTagsWereSent">
    /// Whether the request had any validators but those of this entry. If so, the 304 must say by its own that it means
    /// this one. If not, it can mean no other, whatever tag a confused server puts in it, and the entry keeps its own.
    /// </param>
    public static StoredResponse? Update(
        StoredResponse stored, in StoringCase fresh304, bool otherTagsWereSent = false)
    {
        if (otherTagsWereSent && !IsAbout(stored, fresh304.Answer))
        {
            return null;
        }

        return Merge(stored, fresh304);
    }

    /// <summary>What a HEAD's answer says about the stored answer to a GET (RFC 9111 §4.3.5).</summary>
    public static HeadEffect Compare(StoredResponse stored, in StoringCase head)
    {
        if (head.Status != StatusCodes.Status200OK || stored.Status != StatusCodes.Status200OK)
        {
            return default;
        }

        var length = head.Answer.Find("Content-Length");
        var isSame = Agrees(head.Answer, "ETag", stored.ETag)
            && Agrees(head.Answer, "Last-Modified", stored.LastModified)
            && (length.Count == 0
                || (DeltaSeconds.TryParse(length[0], out var bytes) && bytes == stored.Body.Length));
        return isSame && Merge(stored, head) is { } updated
            ? new HeadEffect(HeadVerdict.Updates, updated)
            : new HeadEffect(HeadVerdict.Invalidates, null);
    }

    private static bool Agrees(IReadOnlyList<HeaderField> answer, string name, string? validator)
    {
        var lines = answer.Find(name);
        return lines.Count == 0 || (lines.Count == 1 && lines[0] == validator);
    }

    private static bool IsAbout(StoredResponse stored, IReadOnlyList<HeaderField> answer)
    {
        var tags = answer.Find("ETag");
        if (tags.Count > 0)
        {
            var tag = tags[0];
            return stored.ETag is { } own
                && (EntityTags.IsWeak(tag) ? EntityTags.EqualWeakly(tag, own) : EntityTags.EqualStrongly(tag, own));
        }

        var dates = answer.Find("Last-Modified");
        return dates.Count > 0 ? dates[0] == stored.LastModified : !stored.CanBeValidated;
    }

    private static StoredResponse? Merge(StoredResponse stored, in StoringCase answered)
    {
        var fields = new List<HeaderField>(stored.Fields.Count + 4);
        foreach (var field in stored.Fields)
        {
            // The old date would make the entry as old as it was before.
            var isReplaced = !StaysAsStored.Contains(field.Name)
                && (answered.Answer.Find(field.Name).Count > 0
                    || field.Name.Equals("Date", StringComparison.OrdinalIgnoreCase));
            if (!isReplaced)
            {
                fields.Add(field);
            }
        }

        foreach (var field in answered.Answer)
        {
            if (!StaysAsStored.Contains(field.Name))
            {
                fields.Add(field);
            }
        }

        return Storing.Describe(answered, stored.Status, fields, stored.Body, out _) is { } updated
            ? updated with
            {
                Endpoint = stored.Endpoint,
                Model = stored.Model,
                IsStream = stored.IsStream,
            }
            : null;
    }
}
