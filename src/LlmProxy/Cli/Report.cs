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

    /// <summary>
    /// A table. Nothing in it is ever cut: an id that lost its end is of no use, so a terminal that is too narrow
    /// wraps. In a pipe it has no lines and no colours.
    /// </summary>
    public static void Table(Terminal terminal, IReadOnlyList<string> headings, IEnumerable<IReadOnlyList<string>> rows)
    {
        var text = new StringWriter(CultureInfo.InvariantCulture);
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = terminal.IsAnsi ? AnsiSupport.Yes : AnsiSupport.No,
            ColorSystem = terminal.IsAnsi ? ColorSystemSupport.Standard : ColorSystemSupport.NoColors,
            Interactive = InteractionSupport.No,
            Out = new AnsiConsoleOutput(text),
        });
        console.Profile.Width = short.MaxValue;
        console.Profile.Capabilities.Unicode = terminal.OutputIsTerminal;
        var table = new Table { Border = terminal.OutputIsTerminal ? TableBorder.Rounded : TableBorder.None };
        foreach (var heading in headings)
        {
            table.AddColumn(new TableColumn(new Text(heading, new Style(decoration: Decoration.Bold))).NoWrap());
        }

        foreach (var row in rows)
        {
            table.AddRow(row.Select(static cell => new Text(OneLine(cell))));
        }

        console.Write(table);
        foreach (var line in text.ToString().AsSpan().TrimEnd('\n').EnumerateLines())
        {
            terminal.Draw($"{line.TrimEnd()}\n");
        }
    }

    /// <summary>A time as people read it, in UTC.</summary>
    public static string Time(DateTimeOffset? time) =>
        time?.UtcDateTime.ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture) ?? "-";

    private static string OneLine(string cell) => Terminal.Visible(cell).Replace('\n', ' ').Replace('\t', ' ');
}
