using System.Collections.Frozen;

namespace LlmProxy.Caching;

/// <summary>Whether an answer may be stored (RFC 9111 §3), and as what.</summary>
internal static class Storing
{
    // RFC 9111 §3.1: about this hop and its credentials. Age becomes a part of what is stored.
    private static readonly FrozenSet<string> NeverStored = FrozenSet.ToFrozenSet(
        ["Age", "Proxy-Authenticate", "Proxy-Authentication-Info", "Proxy-Authorization"],
        StringComparer.OrdinalIgnoreCase);

    // What must-understand asks for: codes whose meaning for caches we know (RFC 9110 §15).
    private static readonly FrozenSet<int> Understood = FrozenSet.ToFrozenSet(
    [
        200, 201, 202, 203, 204, 205, 300, 301, 302, 303, 307, 308, 400, 401, 402, 403, 404, 405, 406, 408, 409, 410,
        411, 413, 414, 415, 417, 421, 422, 426, 500, 501, 502, 503, 504, 505,
    ]);

    // RFC 9110 §15.1.
    private static readonly FrozenSet<int> HeuristicallyCacheable =
        FrozenSet.ToFrozenSet([200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501]);

    /// <summary>
    /// The answer as it is to be stored, without its body; null when it must not be, or would be of no use.
    /// </summary>
    public static StoredResponse? Judge(in StoringCase @case, out NotStored reason)
    {
        reason = JudgeRequest(@case);
        return reason == NotStored.None
            ? Describe(@case, @case.Status, @case.Answer, ReadOnlyMemory<byte>.Empty, out reason)
            : null;
    }

    /// <summary>The same for fields that are not all of this answer, and without a look at the request.</summary>
    /// <param name="case">The request, its answer, and the circumstances.</param>
    /// <param name="status">What is stored, or to be.</param>
    /// <param name="fields">What is stored, or to be.</param>
    /// <param name="body">What is stored.</param>
    /// <param name="reason">Why not.</param>
    public static StoredResponse? Describe(
        in StoringCase @case, int status, IReadOnlyList<HeaderField> fields, ReadOnlyMemory<byte> body,
        out NotStored reason)
    {
        var directives = ResponseDirectives.Read(fields, @case.Options.TargetedFields);
        reason = JudgeDirectives(status, directives);
        if (reason != NotStored.None)
        {
            return null;
        }

        if (Variants.ReadNames(@case.Method, fields.Find("Vary")) is not { } varyNames)
        {
            reason = NotStored.VaryAny;
            return null;
        }

        if (LifetimeOf(@case, status, fields, directives) is not { } lifetime)
        {
            reason = NotStored.NoLifetime;
            return null;
        }

        // A POST cannot be validated: a condition would mean something else there (RFC 9110 §13.1.2).
        var canBeValidated = !HttpMethods.IsPost(@case.Method);
        var stored = new StoredResponse
        {
            Status = status,
            Fields = FieldsToStore(fields, directives, @case.ReceivedAt),
            Body = body,
            ReceivedAt = @case.ReceivedAt,
            InitialAge = Freshness.InitialAgeOf(fields, @case.RequestedAt, @case.ReceivedAt),
            Lifetime = lifetime,
            VaryNames = varyNames,
            VaryDigest = Variants.DigestOf(varyNames, @case.Request),
            Endpoint = @case.Endpoint,
            Model = @case.Model,
            MustBeValidated = directives.NoCache,
            MustNotBeStale = directives.MustRevalidate || directives.ProxyRevalidate || directives.SMaxAge is not null,
            StaleWhileRevalidate = (directives.StaleWhileRevalidate ?? 0) * 1_000,
            StaleIfError = directives.StaleIfError * 1_000,
            ETag = canBeValidated ? Single(fields, "ETag") : null,
            LastModified = canBeValidated ? Single(fields, "Last-Modified") : null,
        };
        reason = IsOfUse(stored) ? NotStored.None : NotStored.Stale;
        return reason == NotStored.None ? stored : null;
    }

    private static NotStored JudgeRequest(in StoringCase @case)
    {
        if (!HttpMethods.IsGet(@case.Method)
            && (!HttpMethods.IsPost(@case.Method) || @case.AssignedLifetime is null))
        {
            return NotStored.Method;
        }

        if (@case.Directives.NoStore)
        {
            return NotStored.RequestNoStore;
        }

        // What answers a range, a precondition or a rate says nothing of the next request; RFC 6585 forbids the rest.
        var isFinal = @case.Status is >= 200 and not (206 or 304 or 412 or 416 or 428 or 429 or 431 or 511);
        var mustBeWhole = HttpMethods.IsPost(@case.Method) || @case.Request.Range.Count > 0;
        return isFinal && (@case.Status == StatusCodes.Status200OK || !mustBeWhole) ? NotStored.None : NotStored.Status;
    }

    // RFC 9111 §3.5 does not arise: what a client puts into Authorization stays here, and the provider sees the one
    // credential of the partition.
    private static NotStored JudgeDirectives(int status, ResponseDirectives directives) =>
        directives.MustUnderstand && !Understood.Contains(status) ? NotStored.Status

        // With must-understand, no-store is for caches that do not know of it (RFC 9111 §5.2.2.3).
        : directives.NoStore && !directives.MustUnderstand ? NotStored.NoStore
        : directives.Private ? NotStored.Private
        : NotStored.None;

    /// <summary>Milliseconds; null when nobody declared any, nor that it must be validated each time.</summary>
    private static long? LifetimeOf(
        in StoringCase @case, int status, IReadOnlyList<HeaderField> fields, ResponseDirectives directives)
    {
        if (Freshness.LifetimeOf(directives, fields, @case.ReceivedAt) is { } declared)
        {
            return declared;
        }

        return directives.NoCache ? 0
            : status == StatusCodes.Status200OK && @case.AssignedLifetime is { Ticks: > 0 } assigned
                ? (long)assigned.TotalMilliseconds
            : @case.Options.HeuristicPercent > 0 && HttpMethods.IsGet(@case.Method)
                && (directives.Public || HeuristicallyCacheable.Contains(status))
                ? Freshness.GuessOf(fields, @case.ReceivedAt, @case.Options.HeuristicPercent)
            : null;
    }

    private static List<HeaderField> FieldsToStore(
        IReadOnlyList<HeaderField> fields, ResponseDirectives directives, long receivedAt)
    {
        var stored = new List<HeaderField>(fields.Count + 1);
        foreach (var field in fields)
        {
            if (!NeverStored.Contains(field.Name)
                && !directives.NoCacheFields.Contains(field.Name, StringComparer.OrdinalIgnoreCase)
                && !directives.PrivateFields.Contains(field.Name, StringComparer.OrdinalIgnoreCase))
            {
                stored.Add(field);
            }
        }

        // RFC 9110 §6.6.1 makes this the duty of whoever stores an answer without a date.
        if (fields.Find("Date").Count == 0)
        {
            stored.Add(new HeaderField("Date", HttpDate.Write(receivedAt)));
        }

        return stored;
    }

    /// <summary>Whether there is any request that could be answered with it.</summary>
    private static bool IsOfUse(StoredResponse stored) =>
        stored.CanBeValidated
        || (!stored.MustBeValidated
            && (stored.FreshFor(stored.ReceivedAt) > 0
                || (!stored.MustNotBeStale
                    && (stored.Lifetime > 0 || stored.StaleWhileRevalidate > 0 || stored.StaleIfError > 0))));

    /// <summary>The value of a field that may be there once only; null when it is not, or more often.</summary>
    private static string? Single(IReadOnlyList<HeaderField> fields, string name) =>
        fields.Find(name) is { Count: 1 } lines && !string.IsNullOrEmpty(lines[0]) ? lines[0] : null;
}
