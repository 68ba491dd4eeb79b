using System.Buffers;
using System.Collections.Frozen;
using System.Text;

namespace LlmProxy.Usage.Counting;

/// <summary>The top-level members of a body that a limit must know.</summary>
internal enum BodyMember : byte
{
    Other,

    /// <summary>A name that some providers take for one of the others, because they do not mind case.</summary>
    Disguised,
    Model,
    Stream,
    StreamOptions,
    MaxTokens,
    MaxCompletionTokens,
    MaxOutputTokens,
    N,
    BestOf,
    Prompt,
    Content,
    Tools,
    Reference,
    Background,
    Session,
    Prediction,
    ServiceTier,
    OtherModels,
}

/// <summary>Recognizes <see cref="BodyMember"/>s by their names.</summary>
internal static class BodyMembers
{
    private static readonly (string Name, BodyMember Member)[] All =
    [
        ("model", BodyMember.Model),
        ("stream", BodyMember.Stream),
        ("stream_options", BodyMember.StreamOptions),
        ("max_tokens", BodyMember.MaxTokens),
        ("max_completion_tokens", BodyMember.MaxCompletionTokens),
        ("max_output_tokens", BodyMember.MaxOutputTokens),
        ("n", BodyMember.N),
        ("best_of", BodyMember.BestOf),
        ("prompt", BodyMember.Prompt),
        ("background", BodyMember.Background),
        ("session", BodyMember.Session),
        ("prediction", BodyMember.Prediction),
        ("tools", BodyMember.Tools),
        ("service_tier", BodyMember.ServiceTier),

        // What aggregators fall back to.
        ("models", BodyMember.OtherModels),
        ("fallbacks", BodyMember.OtherModels),

        // What the prompt is made of.
        ("messages", BodyMember.Content),
        ("input", BodyMember.Content),
        ("system", BodyMember.Content),
        ("image", BodyMember.Content),
        ("images", BodyMember.Content),
        ("mask", BodyMember.Content),

        // What lies at the provider, or what it fetches itself.
        ("previous_response_id", BodyMember.Reference),
        ("conversation", BodyMember.Reference),
        ("container", BodyMember.Reference),
        ("mcp_servers", BodyMember.Reference),
        ("web_search_options", BodyMember.Reference),
    ];

    private static readonly SearchValues<byte> Plain = SearchValues.Create("abcdefghijklmnopqrstuvwxyz_0123456789"u8);
    private static readonly byte[][] Names = [.. All.Select(static one => Encoding.ASCII.GetBytes(one.Name))];
    private static readonly int[] FirstOfLength = IndexByLength();

    private static readonly FrozenDictionary<string, BodyMember> ByName =
        All.ToFrozenDictionary(static one => one.Name, static one => one.Member, StringComparer.OrdinalIgnoreCase);

    /// <param name="name">Without escapes.</param>
    /// <param name="number">Its place in our list, to see repetitions by; −1 for others.</param>
    public static BodyMember Of(ReadOnlySpan<byte> name, out int number)
    {
        for (var i = name.Length < FirstOfLength.Length ? FirstOfLength[name.Length] : -1;
            i >= 0 && i < Names.Length; i++)
        {
            if (name.SequenceEqual(Names[i]))
            {
                number = i;
                return All[i].Member;
            }
        }

        number = -1;
        return name.IndexOfAnyExcept(Plain) >= 0 && IsDisguised(name) ? BodyMember.Disguised : BodyMember.Other;
    }

    /// <summary>encoding/json of Go folds case as Unicode does, where the Kelvin sign is a k and ſ an s.</summary>
    private static bool IsDisguised(ReadOnlySpan<byte> name) =>
        name.Length < 3 * FirstOfLength.Length
        && ByName.ContainsKey(Encoding.UTF8.GetString(name).Replace('\u212A', 'k').Replace('\u017F', 's'));

    private static int[] IndexByLength()
    {
        var first = new int[Names.Max(static name => name.Length) + 1];
        for (var length = 0; length < first.Length; length++)
        {
            first[length] = Array.FindIndex(Names, name => name.Length == length);
        }

        return first;
    }
}
