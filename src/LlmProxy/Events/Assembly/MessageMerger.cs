using System.Text.Json;
using LlmProxy.Http;

namespace LlmProxy.Events.Assembly;

/// <summary>
/// Anthropic's Messages: a message without content, then its blocks one after the other, then why it ended.
/// </summary>
/// <remarks>https://platform.claude.com/docs/en/build-with-claude/streaming</remarks>
internal sealed class MessageMerger(ByteBudget budget) : IAnswerMerger
{
    private static readonly GrowthRule Rule = MakeRule();

    private readonly GrowingValue _message = new(Rule, budget);

    public bool HasEnded { get; private set; }

    public bool HasError => _message.Find("error"u8) is { IsEmpty: false };

    public string? Id => JsonText.ShortOf(_message.Find("id"u8) is { } id ? id.Bytes : default);

    public void Merge(ReadOnlySpan<byte> json)
    {
        var fields = EventFields.Of(json);
        var type = fields.TextOf("type"u8);
        if (type.SequenceEqual("content_block_delta"u8))
        {
            MergeMembers(Block(fields), fields["delta"u8]);
        }
        else if (type.SequenceEqual("content_block_start"u8))
        {
            Block(fields)?.Merge(fields["content_block"u8], isWhole: true);
        }
        else if (type.SequenceEqual("message_start"u8))
        {
            MergeObject(fields["message"u8], isWhole: true);
        }
        else if (type.SequenceEqual("message_delta"u8))
        {
            MergeObject(fields["delta"u8], isWhole: false);
            MergeMembers(_message, json);
        }
        else if (AnswerApis.IsError(fields))
        {
            MergeMembers(_message, json);
        }
        else if (type.SequenceEqual("message_stop"u8))
        {
            HasEnded = true;
        }
        else
        {
            // The end of a block, a ping, or what later versions may send: clients are to pass over it.
        }
    }

    public IReadOnlyList<string> ReadFinishReasons() =>
        JsonText.ShortOf(_message.Find("stop_reason"u8) is { } said ? said.Bytes : default) is { } reason
            ? [reason]
            : [];

    public void WriteTo(ref PooledBytes output) => ValueWriter.Write(_message, ref output);

    public void Dispose() => _message.Dispose();

    private static GrowthRule MakeRule()
    {
        var block = GrowthRule.Fields(
            ("text", GrowthRule.Text), ("thinking", GrowthRule.Text),
            ("partial_json", GrowthRule.JsonText("input")), ("citations", GrowthRule.List));
        return GrowthRule.Fields(
            ("content", GrowthRule.Elements(Growth.Places, block)), ("usage", GrowthRule.Fields()));
    }

    private void MergeObject(ReadOnlySpan<byte> json, bool isWhole)
    {
        if (json is [(byte)'{', ..])
        {
            _message.Merge(json, isWhole);
        }
        else
        {
            budget.IsFaulty = true;
        }
    }

    private GrowingValue? Block(in EventFields fields)
    {
        var index = fields.IndexOf("index"u8);
        var content = _message.Member("content"u8);
        return content?.Element(index);
    }

    /// <summary>
    /// The members of a delta are called like those of the block, but for the type, which is the delta's own, and a
    /// citation, which is one more. Of an event neither its type nor its delta is meant.
    /// </summary>
    private static void MergeMembers(GrowingValue? value, ReadOnlySpan<byte> json)
    {
        if (value is null || json.IsEmpty)
        {
            return;
        }

        var reader = JsonText.Open(json);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.ValueSpan;
            reader.Read();
            if (name.SequenceEqual("type"u8) || name.SequenceEqual("delta"u8))
            {
                reader.Skip();
            }
            else if (name.SequenceEqual("citation"u8))
            {
                value.Member("citations"u8)?.TryAppendElements(JsonText.RawOf(ref reader, json));
            }
            else if (value.Member(name) is { } member)
            {
                member.Merge(ref reader, json, isWhole: false);
            }
            else
            {
                reader.Skip();
            }
        }
    }
}
