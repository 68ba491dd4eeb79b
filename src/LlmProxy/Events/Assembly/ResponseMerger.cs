using LlmProxy.Http;

namespace LlmProxy.Events.Assembly;

/// <summary>
/// OpenAI's Responses: the last event has the whole answer. When it does not come, or is too long, the answer is what
/// the events before it say of its items and their parts.
/// </summary>
/// <remarks>https://platform.openai.com/docs/api-reference/responses-streaming</remarks>
internal sealed class ResponseMerger(ByteBudget budget) : IAnswerMerger
{
    private static readonly GrowthRule Rule = MakeRule();

    private readonly GrowingValue _response = new(Rule, budget);
    private PooledBytes _whole;

    public bool HasEnded { get; private set; }

    public bool HasError { get; private set; }

    public string? Id { get; private set; }

    private string? Status { get; set; }

    private string? IncompleteReason { get; set; }

    public void Merge(ReadOnlySpan<byte> json)
    {
        var fields = EventFields.Of(json);
        var type = fields.TextOf("type"u8);
        if (!type.StartsWith("response."u8))
        {
            if (AnswerApis.IsError(fields))
            {
                MergeError(fields);
            }

            return;
        }

        var name = type["response."u8.Length..];
        if (name.SequenceEqual("output_text.delta"u8))
        {
            // By far the most.
            Append(Part(fields, "\"output_text\""u8), "text"u8, fields, isWhole: false);
        }
        else if (fields["response"u8] is [(byte)'{', ..])
        {
            MergeResponse(fields["response"u8], isLast: IsLast(name));
        }
        else
        {
            MergeItem(name, fields);
        }
    }

    /// <summary>How it ended, or why it ended early.</summary>
    public IReadOnlyList<string> ReadFinishReasons() =>
        HasEnded && (IncompleteReason ?? Status) is { } reason ? [reason] : [];

    public void WriteTo(ref PooledBytes output)
    {
        if (_whole.Length > 0)
        {
            output.Append(_whole.Span);
        }
        else
        {
            ValueWriter.Write(_response, ref output);
        }
    }

    public void Dispose()
    {
        _response.Dispose();
        _whole.Return();
    }

    private static GrowthRule MakeRule()
    {
        var part = GrowthRule.Fields(
            ("text", GrowthRule.Text), ("refusal", GrowthRule.Text),
            ("annotations", GrowthRule.List), ("logprobs", GrowthRule.List));
        var item = GrowthRule.Fields(
            ("content", GrowthRule.Elements(Growth.Places, part)),
            ("summary", GrowthRule.Elements(Growth.Places, part)),
            ("arguments", GrowthRule.Text), ("input", GrowthRule.Text), ("code", GrowthRule.Text));
        return GrowthRule.Fields(("output", GrowthRule.Elements(Growth.Places, item)));
    }

    private static bool IsLast(ReadOnlySpan<byte> name) =>
        name.SequenceEqual("completed"u8) || name.SequenceEqual("incomplete"u8)
        || name.SequenceEqual("failed"u8) || name.SequenceEqual("cancelled"u8);

    private void MergeResponse(ReadOnlySpan<byte> response, bool isLast)
    {
        var fields = EventFields.Of(response);
        Id = JsonText.ShortOf(fields["id"u8]) ?? Id;
        HasError |= !JsonText.IsNothing(fields["error"u8]);
        Status = JsonText.ShortOf(fields["status"u8]) ?? Status;
        HasEnded = isLast;
        if (!isLast)
        {
            _response.Merge(response, isWhole: true);
            return;
        }

        if (!JsonText.IsNothing(fields["incomplete_details"u8]))
        {
            IncompleteReason = JsonText.ShortOf(EventFields.Of(fields["incomplete_details"u8])["reason"u8]);
        }

        // Some servers leave the output out of the last event, as the items have come before.
        var hasItems = _response.Find("output"u8) is { IsEmpty: false };
        if (response.Length <= budget.TextBytesMax && !(hasItems && JsonText.IsNothing(fields["output"u8])))
        {
            _whole.Set(response);
            _response.Dispose();
            budget.IsTruncated = false;
            return;
        }

        _response.Merge(response, isWhole: true);
    }

    // The API's own form has the error's members in the event; servers have been seen that send them in one.
    // https://github.com/openai/openai-dotnet/issues/881
    private void MergeError(in EventFields fields)
    {
        HasError = true;
        var error = _response.Member("error"u8);
        if (!JsonText.IsNothing(fields["error"u8]))
        {
            error?.Merge(fields["error"u8], isWhole: true);
            return;
        }

        PooledBytes members = default;
        foreach (var name in (ReadOnlySpan<string>)["code", "message", "param"])
        {
            AppendMember(name, fields, ref members);
        }

        members.Append(members.Length == 0 ? "{}"u8 : "}"u8);
        error?.Merge(members.Span, isWhole: true);
        members.Return();
    }

    private static void AppendMember(string name, in EventFields fields, ref PooledBytes members)
    {
        Span<byte> key = stackalloc byte[16];
        key = key[..System.Text.Encoding.UTF8.GetBytes(name, key)];
        var value = fields[key];
        if (!value.IsEmpty)
        {
            members.Append(members.Length == 0 ? "{\""u8 : ",\""u8);
            members.Append(key);
            members.Append("\":"u8);
            members.Append(value);
        }
    }

    private void MergeItem(ReadOnlySpan<byte> name, in EventFields fields)
    {
        if (name.SequenceEqual("output_item.added"u8) || name.SequenceEqual("output_item.done"u8))
        {
            Item(fields)?.Merge(fields["item"u8], isWhole: true);
        }
        else if (name.SequenceEqual("content_part.added"u8) || name.SequenceEqual("content_part.done"u8))
        {
            Part(fields, default)?.Merge(fields["part"u8], isWhole: true);
        }
        else if (name.StartsWith("reasoning_summary_part."u8))
        {
            Summary(fields, default)?.Merge(fields["part"u8], isWhole: true);
        }
        else if (name.SequenceEqual("output_text.annotation.added"u8))
        {
            if (!fields["annotation"u8].IsEmpty)
            {
                Part(fields, "\"output_text\""u8)?.Member("annotations"u8)?.TryAppendElements(fields["annotation"u8]);
            }
        }
        else if (name.EndsWith(".delta"u8))
        {
            MergeText(name[..^".delta"u8.Length], fields, isWhole: false);
        }
        else if (name.EndsWith(".done"u8))
        {
            MergeText(name[..^".done"u8.Length], fields, isWhole: true);
        }
        else
        {
            // How far a tool has come, or a part of a picture that comes again as a whole.
        }
    }

    private void MergeText(ReadOnlySpan<byte> name, in EventFields fields, bool isWhole)
    {
        if (name.SequenceEqual("output_text"u8))
        {
            Append(Part(fields, "\"output_text\""u8), "text"u8, fields, isWhole);
        }
        else if (name.SequenceEqual("refusal"u8))
        {
            Append(Part(fields, "\"refusal\""u8), "refusal"u8, fields, isWhole);
        }
        else if (name.SequenceEqual("reasoning_text"u8))
        {
            Append(Part(fields, "\"reasoning_text\""u8), "text"u8, fields, isWhole);
        }
        else if (name.SequenceEqual("reasoning_summary_text"u8))
        {
            Append(Summary(fields, "\"summary_text\""u8), "text"u8, fields, isWhole);
        }
        else if (name.SequenceEqual("function_call_arguments"u8) || name.SequenceEqual("mcp_call_arguments"u8))
        {
            Append(Item(fields), "arguments"u8, fields, isWhole);
        }
        else if (name.SequenceEqual("custom_tool_call_input"u8))
        {
            Append(Item(fields), "input"u8, fields, isWhole);
        }
        else if (name.SequenceEqual("code_interpreter_call_code"u8))
        {
            Append(Item(fields), "code"u8, fields, isWhole);
        }
        else
        {
            // A later kind of text: its item comes as a whole when it is done.
        }
    }

    /// <summary>An increment is called <c>delta</c>, the whole text as it is in the answer.</summary>
    private static void Append(GrowingValue? owner, ReadOnlySpan<byte> name, in EventFields fields, bool isWhole)
    {
        var said = isWhole ? fields[name] : fields["delta"u8];
        if (owner is null || said.IsEmpty)
        {
            return;
        }

        owner.Member(name)?.Merge(said, isWhole);
        if (!JsonText.IsNothing(fields["logprobs"u8]))
        {
            owner.Member("logprobs"u8)?.Merge(fields["logprobs"u8], isWhole);
        }
    }

    private GrowingValue? Item(in EventFields fields) =>
        _response.Member("output"u8)?.Element(fields.IndexOf("output_index"u8));

    private GrowingValue? Part(in EventFields fields, ReadOnlySpan<byte> type) =>
        Typed(Item(fields)?.Member("content"u8)?.Element(fields.IndexOf("content_index"u8)), type);

    private GrowingValue? Summary(in EventFields fields, ReadOnlySpan<byte> type) =>
        Typed(Item(fields)?.Member("summary"u8)?.Element(fields.IndexOf("summary_index"u8)), type);

    /// <summary>With its type, when the event that adds it was missed.</summary>
    private static GrowingValue? Typed(GrowingValue? part, ReadOnlySpan<byte> type)
    {
        if (part is { IsMissing: true })
        {
            part.Member("type"u8)?.Merge(type, isWhole: true);
        }

        return part;
    }
}
