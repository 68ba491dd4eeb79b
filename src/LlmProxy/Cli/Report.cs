using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Spectre.Console;

namespace LlmProxy.Cli;

/// <summary>How results look: tables and lines for people, JSON for programs.</summary>
internal static class Report
{
    private static readonly CliJson Indented = new(new JsonSerializerOptions(CliJson.Default.Options)
    {
        WriteIndented = true,
        // It is shown to people, not put into a page: "Müller" stays readable. Control characters stay escaped.
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });

    public static void Json(Terminal terminal, JsonElement value) =>
        terminal.Print(JsonSerializer.Serialize(value, Indented.JsonElement));

    public static void Json(Terminal terminal, IReadOnlyList<JsonElement> values) =>
        terminal.Print(JsonSerializer.Serialize(values, Indented.IReadOnlyListJsonElement));

    public static void Json(Terminal terminal, Deed deed) =>
        terminal.Print(JsonSerializer.Serialize(deed, Indented.Deed));

    /// <summary>One line for each field, the values below each other.</summary>
    public static void Fields(Terminal terminal, params ReadOnlySpan<(string Label, string Value)> fields)
    {
        foreach (var (label, value) in fields)
        {
            terminal.Print($"{label + ":",-15}{value}");
        }
    }

    /// <summary>A table; on a terminal with lines, in a pipe without.</summary>
    public static void Table(Terminal terminal, IReadOnlyList<string> headings, IEnumerable<IReadOnlyList<string>> rows)
    {
        var table = new Table { Border = terminal.OutputIsTerminal ? TableBorder.Rounded : TableBorder.None };
        foreach (var heading in headings)
        {
            table.AddColumn(new TableColumn(new Text(heading, new Style(decoration: Decoration.Bold))).NoWrap());
        }

        foreach (var row in rows)
        {
            table.AddRow(row.Select(static cell => new Text(OneLine(cell))));
        }

        terminal.Print(table);
    }

    /// <summary>A time as people read it, in UTC.</summary>
    public static string Time(DateTimeOffset? time) =>
        time?.UtcDateTime.ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture) ?? "-";

    private static string OneLine(string cell) => Terminal.Visible(cell).Replace('\n', ' ').Replace('\t', ' ');
}
