using System.Buffers;
using System.Collections.Frozen;
using System.Runtime.InteropServices;
using LlmProxy.Http;
using Microsoft.Extensions.Primitives;

namespace LlmProxy.Caching;

/// <summary>Which of the answers under one key is for a request (RFC 9111 §4.1).</summary>
internal static class Variants
{
    private const int NamesMax = 32;

    /// <summary>
    /// What the provider never sees of a client, so that it cannot be what an answer differs by: credentials, since all
    /// of a project share one, connection fields, and who the client is.
    /// </summary>
    public static readonly FrozenSet<string> SameForAll = FrozenSet.ToFrozenSet(
    [
        "authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie", "cookie2", "proxy-authorization",
        "host", "connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "expect",
        "content-length", "forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip",
        "x-client-ip", "true-client-ip", "cf-connecting-ip",
    ]);

    // What providers answer differently by and do not name in Vary: for whom, and in which version of the API.
    private static readonly string[] Implied =
        ["anthropic-beta", "anthropic-version", "openai-beta", "openai-organization", "openai-project"];

    // A body means nothing without these.
    private static readonly string[] ImpliedWithBody =
    [
        "accept", "anthropic-beta", "anthropic-version", "content-encoding", "content-type", "openai-beta",
        "openai-organization", "openai-project",
    ];

    /// <summary>
    /// The names that <c>Vary</c> lists, in lower case, sorted, each once, without <see cref="SameForAll"/>; null when
    /// it says <c>*</c>, or what cannot be understood, or too many names: then the answer is for one request only.
    /// Those that providers mean and do not list are always among them.
    /// </summary>
    /// <param name="method">The request's.</param>
    /// <param name="vary">The lines of the answer's field.</param>
    public static IReadOnlyList<string>? ReadNames(string method, StringValues vary)
    {
        var implied = HttpMethods.IsPost(method) ? ImpliedWithBody : Implied;
        if (vary.Count == 0)
        {
            return implied;
        }

        var names = new SortedSet<string>(implied, StringComparer.Ordinal);
        for (var i = 0; i < vary.Count; i++)
        {
            var line = vary[i].AsSpan();
            foreach (var range in line.Split(','))
            {
                var name = line[range].Trim(" \t");
                if (name.IsEmpty)
                {
                    continue;
                }

                if (name is "*" || !HeaderName.IsValid(name))
                {
                    return null;
                }

                var lower = name.ToString().ToLowerInvariant();
                if (!SameForAll.Contains(lower) && names.Add(lower)
                    && names.Count > NamesMax + implied.Length)
                {
                    return null;
                }
            }
        }

        return [.. names];
    }

    /// <summary>What a request has in the fields of these names, normalised.</summary>
    /// <param name="varyNames">In lower case.</param>
    /// <param name="request">The client's header fields.</param>
    public static Digest DigestOf(IReadOnlyList<string> varyNames, IHeaderDictionary request)
    {
        if (!HasAny(varyNames, request))
        {
            return default;
        }

        var text = new ArrayBufferWriter<char>(256);
        for (var i = 0; i < varyNames.Count; i++)
        {
            var name = varyNames[i];
            var lines = request[name];
            text.Write(name);

            // Neither of these characters is in any header. A field that is not there is not one that is empty.
            text.Write(lines.Count == 0 ? "\0" : "\n");
            WriteNormalised(text, name, lines);
        }

        return Digest.Of(MemoryMarshal.AsBytes(text.WrittenSpan));
    }

    private static bool HasAny(IReadOnlyList<string> names, IHeaderDictionary request)
    {
        for (var i = 0; i < names.Count; i++)
        {
            if (request[names[i]].Count > 0)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>The first of these that is for the request; null when none is.</summary>
    public static StoredResponse? Select(IReadOnlyList<StoredResponse> variants, IHeaderDictionary request)
    {
        IReadOnlyList<string>? names = null;
        Digest digest = default;
        for (var i = 0; i < variants.Count; i++)
        {
            var variant = variants[i];
            if (names is null || !names.SequenceEqual(variant.VaryNames, StringComparer.Ordinal))
            {
                names = variant.VaryNames;
                digest = DigestOf(names, request);
            }

            if (variant.VaryDigest == digest)
            {
                return variant;
            }
        }

        return null;
    }

    /// <summary>
    /// Several lines are one, and space around commas is none (RFC 9110 §5.3). Case means nothing in languages and
    /// codings, and order nothing in codings; that of languages may be a preference (RFC 9110 §12.5.4).
    /// </summary>
    private static void WriteNormalised(ArrayBufferWriter<char> text, string name, StringValues lines)
    {
        if (name is "accept-encoding")
        {
            var codings = MembersOf(lines).Select(static coding => coding.ToLowerInvariant()).ToArray();
            Array.Sort(codings, StringComparer.Ordinal);
            text.Write(string.Join(',', codings));
            return;
        }

        var isFirst = true;
        for (var i = 0; i < lines.Count; i++)
        {
            var members = new ListReader(lines[i]);
            while (members.MoveNext())
            {
                text.Write(isFirst ? string.Empty : ",");
                isFirst = false;
                if (name is "accept-language" && !members.Current.IsEmpty)
                {
                    text.Advance(members.Current.ToLowerInvariant(text.GetSpan(members.Current.Length)));
                }
                else
                {
                    text.Write(members.Current);
                }
            }
        }
    }

    private static List<string> MembersOf(StringValues lines)
    {
        var members = new List<string>();
        for (var i = 0; i < lines.Count; i++)
        {
            var reader = new ListReader(lines[i]);
            while (reader.MoveNext())
            {
                members.Add(reader.Current.ToString());
            }
        }

        return members;
    }
}
